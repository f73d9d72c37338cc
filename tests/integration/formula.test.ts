/** The Homebrew formula as Ruby reads it: this host's, else Debian's, fetched where that is allowed. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { renderFormula } from "../../scripts/release/formula.ts";
import { TARGETS } from "../../scripts/release/targets.ts";
import { unpackPackages } from "../../scripts/services/debian-packages.ts";
import { mayProvide } from "../../scripts/services/service.ts";

const installed = Bun.which("ruby");
const here = installed !== null || (process.platform === "linux" && mayProvide());
if (!here)
  process.stderr.write("skip  ruby -c: there is no ruby; CI=true or OZ_TEST_INSTALL=1 would fetch it\n");

async function ruby(): Promise<{ readonly program: string; readonly env: Readonly<Record<string, string>> }> {
  if (installed !== null) return { program: installed, env: {} };
  const { root, env } = await unpackPackages("ruby", ["ruby3.1", "libruby3.1"]);
  return { program: join(root, "usr/bin/ruby3.1"), env };
}

test.if(here)(
  "the Homebrew formula is Ruby, and a formula that was cut is not",
  async () => {
    const files = TARGETS.map(({ name, archive }) => ({
      name: `oz-agent-worker-${name}.${archive}`,
      target: name,
      size: 1,
      sha256: "0".repeat(64),
      executableSize: 1,
      executableSha256: "",
    }));
    const manifest = { name: "oz-agent-worker", version: "1.2.3", commit: "abc", files };
    const formula = renderFormula(manifest, "https://git.example/team/oz-agent-worker") ?? "";
    const { program, env } = await ruby();
    const check = (text: string) => {
      // Of the language alone; its gems are not there.
      const argv = [program, "--disable-gems", "-c"];
      const { exitCode, stdout } = Bun.spawnSync(argv, {
        stdin: Buffer.from(text),
        env: { ...process.env, ...env },
      });
      return `${exitCode} ${stdout}`;
    };
    expect(check(formula)).toBe("0 Syntax OK\n");
    expect(check(formula.slice(0, -10))).toStartWith("1 ");
  },
  60_000,
);
