import { expect, test } from "bun:test";
import { chmodSync, existsSync, statSync, symlinkSync } from "node:fs";
import { TempDir } from "../../../support/temp-dir.ts";

const REMOVAL = new URL("../../../../src/backends/direct/removal.ts", import.meta.url).pathname;
/** Root may remove anything, unless it is taken the right to. */
const LIMITED = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
const canLimit = LIMITED.length === 0 || (Bun.which("setpriv") !== null && run("/bin/true").exitCode === 0);

function run(...argv: readonly string[]) {
  return Bun.spawnSync([...LIMITED, ...argv], { stderr: "pipe" });
}

// As Go's module cache is left behind by an agent.
test.skipIf(!canLimit)(
  "folders that may not be changed are removed, and what a link leads to is left",
  async () => {
    await using dir = await TempDir.create("removal");
    await dir.write("outside/file", "");
    await dir.write("t/cache/deep/file", "");
    symlinkSync(dir.join("outside"), dir.join("t/cache/link"));
    for (const name of ["t/cache/deep", "t/cache", "outside"]) chmodSync(dir.join(name), 0o500);
    const program = `const { removeFolder } = await import(${JSON.stringify(REMOVAL)});
    await removeFolder(${JSON.stringify(dir.join("t"))});`;
    expect(run(process.execPath, "-e", program).stderr.toString()).toBe("");
    expect([existsSync(dir.join("t")), statSync(dir.join("outside")).mode & 0o777]).toEqual([false, 0o500]);
    chmodSync(dir.join("outside"), 0o700);
  },
);
