import { describe, expect, test } from "bun:test";
import { statSync, truncateSync } from "node:fs";
import { makeEnvironmentFile, readEnvironmentFile } from "../../../../src/backends/direct/hook.ts";
import { TempDir } from "../../../support/temp-dir.ts";

async function read(text: string | Uint8Array): Promise<Readonly<Record<string, string>>> {
  await using dir = await TempDir.create("env");
  return readEnvironmentFile(await dir.write("environment", text));
}

describe("what setup_command writes", () => {
  test.each<[string, string, Record<string, string>]>([
    ["nothing", "", {}],
    ["plain lines", "A=1\nB=two words\n", { A: "1", B: "two words" }],
    ["no line break at the end", "A=1", { A: "1" }],
    ["comments and blank lines", "# c\n\nA=1 # tail\n  \nB=2\n", { A: "1", B: "2" }],
    ["export", "export A=1\n", { A: "1" }],
    ["white space around", "  A = 1  \n", { A: "1" }],
    ["an empty value", "A=\nB=''\n", { A: "", B: "" }],
    ["single quotes, which keep everything", "A='a # b $HOME \\n'\n", { A: "a # b $HOME \\n" }],
    ["double quotes, in which \\n is a line break", 'A="a\\nb # c"\n', { A: "a\nb # c" }],
    ["a value over several lines", 'A="one\ntwo"\nB=3\n', { A: "one\ntwo", B: "3" }],
    ["an equals sign in the value", "A=b=c\n", { A: "b=c" }],
    ["Windows line ends", "A=1\r\nB=2\r\n", { A: "1", B: "2" }],
    ["a variable, which is not replaced", "A=$HOME\nB=$A\n", { A: "$HOME", B: "$A" }],
    ["a name twice, the last of which counts", "A=1\nA=2\n", { A: "2" }],
    ["a line that is none", "this is no assignment\nA=1\n", { A: "1" }],
    ["a command, which is not run", "A=$(echo x)\nB=`id`\n", { A: "$(echo x)", B: "id" }],
  ])("with %s is read", async (_what, text, expected) => {
    expect(await read(text)).toEqual(expected);
  });

  test("with a NUL in a value loses that variable only", async () => {
    expect(await read("A=x\u0000y\nB=2\n")).toEqual({ B: "2" });
  });

  test("that is no text at all does not throw", async () => {
    expect(await read(Uint8Array.from({ length: 4_096 }, (_, n) => (n * 7) % 256))).toBeObject();
  });

  test("named __proto__ changes no prototype", async () => {
    const variables = await read("__proto__=x\nA=1\n");
    expect(variables["A"]).toBe("1");
    expect(Object.getPrototypeOf(variables)).toBe(Object.prototype);
  });
});

test("a file that setup_command removed is an empty one", async () => {
  await using dir = await TempDir.create("env");
  expect(await readEnvironmentFile(dir.join("none"))).toEqual({});
});

test("what is no regular file any more is refused; a pipe, which nobody will ever write to, at once", async () => {
  await using dir = await TempDir.create("env");
  const pipe = dir.join("pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  for (const path of [dir.path, pipe, "/dev/zero"]) {
    await expect(readEnvironmentFile(path)).rejects.toThrow("it is not a regular file any more");
  }
});

test("more than any environment holds is refused unread", async () => {
  await using dir = await TempDir.create("env");
  const file = await dir.write("environment", "A=1\n");
  truncateSync(file, 8 * 1024 * 1024);
  await expect(readEnvironmentFile(file)).rejects.toThrow("larger than");
});

test("the file is there before the hook runs, empty and for nobody else's eyes", async () => {
  await using dir = await TempDir.create("env");
  const file = makeEnvironmentFile(dir.path);
  expect([statSync(file).size, statSync(file).mode & 0o777]).toEqual([0, 0o600]);
});

// With no inode left it was `unknown`, in the bare words of the system.
test("a file that cannot be made fails the task as its folders do", async () => {
  await using dir = await TempDir.create("env");
  const make = async () => makeEnvironmentFile(dir.join("gone"));
  await expect(make()).rejects.toMatchObject({
    reason: "workspace_setup",
    message: expect.stringMatching(/^cannot make the file that \$OZ_ENVIRONMENT_FILE names: ENOENT/),
  });
});
