/** The Homebrew formula as Ruby reads it. */
import { expect, test } from "bun:test";
import { renderFormula } from "../../scripts/release/formula.ts";
import { TARGETS } from "../../scripts/release/targets.ts";

const ruby = Bun.which("ruby");
if (ruby === null)
  process.stderr.write("skip  ruby -c: there is no ruby; CI=true or OZ_TEST_INSTALL=1 fetches it\n");

test.if(ruby !== null)(
  "the Homebrew formula is Ruby, and a formula that was cut is not",
  () => {
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
    const check = (text: string) => {
      // Of the language alone; its gems are not there.
      const argv = [ruby ?? "", "--disable-gems", "-c"];
      const { exitCode, stdout } = Bun.spawnSync(argv, { stdin: Buffer.from(text) });
      return `${exitCode} ${stdout}`;
    };
    expect(check(formula)).toBe("0 Syntax OK\n");
    expect(check(formula.slice(0, -10))).toStartWith("1 ");
  },
  60_000,
);
