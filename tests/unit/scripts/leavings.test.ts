import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { leftIn } from "../../../scripts/suite/leavings.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { eventually } from "../../support/wait.ts";
import { runTests } from "./suite-rig.ts";

const imports = `
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "bun:test";
`;
const TIDY = `${imports}test("t", () => rmSync(mkdtempSync(join(tmpdir(), "oz-gone-")), { recursive: true }));`;
const LEAVES_FILE = `${imports}test("t", () => writeFileSync(join(tmpdir(), "oz-left"), ""));`;
test("tests that leave nothing in their temporary folder have passed", async () => {
  const { tally, said } = await runTests({ "a.test.ts": TIDY }, false);
  expect(tally).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(said).toBe("");
});

test("what stays in their temporary folder makes a run red, and is told with the files that were run", async () => {
  const { tally, said } = await runTests({ "a.test.ts": LEAVES_FILE }, true);
  expect(tally).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(said).toBe("FAILED    a.test.ts left behind: oz-left\n");
});

test("what stays only once is told, as what fails only once is", async () => {
  const source = `import { existsSync } from "node:fs";${imports}
test("t", () => {
  if (!existsSync("seen")) writeFileSync(join(tmpdir(), "oz-left"), "");
  writeFileSync("seen", "");
});`;
  const { tally, said } = await runTests({ "a.test.ts": source }, true);
  expect(tally).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(said).toBe("UNSTEADY  a.test.ts left behind: oz-left\n");
});

test("of tests that failed nothing else is told, and what they left is gone", async () => {
  const fails = `${imports}test("fails", () => { throw new Error(tmpdir()); });${LEAVES_FILE.replace(imports, "")}`;
  const { tally, said } = await runTests({ "a.test.ts": fails }, false);
  expect(tally).toEqual({ passed: 1, failed: 1, skipped: 0 });
  const [, temporary = ""] = /^FAILED {4}a\.test\.ts: fails: (\/.+)\n$/.exec(said) ?? [];
  expect([basename(temporary), existsSync(temporary)]).toEqual(["t", false]);
});

// The API server that one starts again would be taken for something left, and killed.
test("tests beside engines, which they may start again, have no temporary folder of their own", async () => {
  const tells = `${imports}test("fails", () => { throw new Error(tmpdir()); });`;
  const { said } = await runTests({ "a.test.ts": tells }, false, { onEngines: true });
  expect(said).toBe(`FAILED    a.test.ts: fails: ${tmpdir()}\n`);
});

/** With the folder in a variable of its environment, as a worker or an agent has it. */
const sleeper = (folder: string, seconds: number) =>
  Bun.spawn(["sleep", `${seconds}`], { env: { HOME: folder }, stdio: ["ignore", "ignore", "ignore"] });

/** Until that is to be seen: a parent goes on before the kernel has laid its child's environment out. */
const whenShown = ({ pid }: { readonly pid: number }, folder: string) =>
  eventually(
    () => readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder),
    "the environment of the process",
  );

describe.skipIf(process.platform !== "linux")("a process that came out of the folder", () => {
  test("is left when it has not ended after a while, and is ended then", async () => {
    await using dir = await TempDir.create();
    const child = sleeper(dir.path, 600);
    await whenShown(child, dir.path);
    expect(await leftIn(dir.path, 0)).toEqual([`the process ${child.pid} (sleep 600)`]);
    expect([await child.exited, child.signalCode]).toEqual([137, "SIGKILL"]);
  });

  test("is waited for when it is just ending", async () => {
    await using dir = await TempDir.create();
    const child = sleeper(dir.path, 0.1);
    expect(await leftIn(dir.path)).toEqual([]);
    expect(await child.exited).toBe(0);
  });

  test("is none where somebody only looks into the folder", async () => {
    await using dir = await TempDir.create();
    const env = { PWD: dir.path, OLDPWD: dir.path };
    const child = Bun.spawn(["sleep", "600"], { cwd: dir.path, env, stdio: ["ignore", "ignore", "ignore"] });
    expect(await leftIn(dir.path, 0)).toEqual([]);
    expect(child.exitCode).toBeNull();
    child.kill("SIGKILL");
    await child.exited;
  });

  test("is told of with the files beside it, and none of another folder is", async () => {
    await using dir = await TempDir.create();
    await using other = await TempDir.create();
    await dir.write("b", "");
    await dir.write("a/c", "");
    const child = sleeper(other.path, 600);
    await whenShown(child, other.path);
    expect(await leftIn(dir.path, 0)).toEqual(["a", "b"]);
    child.kill("SIGKILL");
    expect(await child.exited).toBe(137);
  });
});
