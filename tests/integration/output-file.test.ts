/** What may be in the place of the file that a child is to write to, by each runtime. */
import { describe, expect, test } from "bun:test";
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { openOutputFile } from "../../src/runtime/output-file.ts";
import { ask, RUNTIMES } from "../support/runtime.ts";
import { TempDir } from "../support/temp-dir.ts";

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

const saying = (outputFile: string) => ({
  argv: ["/bin/sh", "-c", "echo said"],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  outputFile,
});

describe.each(RUNTIMES.map(({ name, argv }) => [name, argv] as const))("under %s", (_name, runtime) => {
  const write = (outputFile: string) => ask(runtime, "detached", saying(outputFile));

  test("a file that is missing is made, for its owner alone", async () => {
    await using dir = await TempDir.create("output");
    expect(await write(dir.join("output"))).toEqual({ status: 0 });
    expect(readFileSync(dir.join("output"), "utf8")).toBe("said\n");
    expect(statSync(dir.join("output")).mode & 0o777).toBe(0o600);
  });

  test("a link is not followed: whoever may write to the folder chose any file that root may write to", async () => {
    await using dir = await TempDir.create("output");
    const victim = await dir.write("victim", "precious\n");
    symlinkSync(victim, dir.join("output"));
    symlinkSync(dir.join("missing"), dir.join("dangling"));
    for (const name of ["output", "dangling"])
      expect(await write(dir.join(name))).toMatchObject({
        why: expect.stringContaining("not a regular file"),
      });
    expect(readFileSync(victim, "utf8")).toBe("precious\n");
    expect(existsSync(dir.join("missing"))).toBe(false);
  });

  test("a pipe that nobody reads holds nobody: an agent that put it there once held the whole worker", async () => {
    await using dir = await TempDir.create("output");
    expect(Bun.spawnSync(["mkfifo", dir.join("output")]).exitCode).toBe(0);
    const refused = await write(dir.join("output"));
    expect(refused).toMatchObject({ why: expect.stringContaining("not a regular file") });
  });

  test("nor is a pipe written to that somebody reads", async () => {
    await using dir = await TempDir.create("output");
    expect(Bun.spawnSync(["mkfifo", dir.join("output")]).exitCode).toBe(0);
    // Open for both, it waits for no other side.
    const reader = openSync(dir.join("output"), "r+");
    const refused = await write(dir.join("output"));
    closeSync(reader);
    expect(refused).toMatchObject({ why: expect.stringContaining("not a regular file") });
  });

  test.if(isRoot)(
    "a file that another user has made is not written to: that one could read it all",
    async () => {
      await using dir = await TempDir.create("output");
      const foreign = await dir.write("output", "", 0o666);
      chownSync(foreign, NOBODY, NOBODY);
      expect(await write(foreign)).toMatchObject({
        why: expect.stringContaining("another user has made it"),
      });
      expect(readFileSync(foreign, "utf8")).toBe("");
    },
  );

  test.if(isRoot)(
    "where all belongs to one owner, as on a share of another machine, it is written to",
    async () => {
      await using dir = await TempDir.create("output");
      const foreign = await dir.write("output", "");
      for (const path of [dir.path, foreign]) chownSync(path, NOBODY, NOBODY);
      expect(await write(foreign)).toEqual({ status: 0 });
      expect(readFileSync(foreign, "utf8")).toBe("said\n");
    },
  );
});

test.if(existsSync("/proc/self/fd"))("nothing stays open of what is not written to", async () => {
  await using dir = await TempDir.create("output");
  expect(Bun.spawnSync(["mkfifo", dir.join("output")]).exitCode).toBe(0);
  const reader = openSync(dir.join("output"), "r+");
  const before = readdirSync("/proc/self/fd").length;
  for (let tried = 0; tried < 20; tried += 1)
    expect(() => openOutputFile(dir.join("output"))).toThrow("not a regular file");
  expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 20);
  closeSync(reader);
});
