import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { inPlaceOfShell, requireProgram } from "../../../../src/backends/command/plain-command.ts";
import { BackendUnusable } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";

let dir: TempDir;
beforeAll(async () => {
  dir = await TempDir.create("plain");
  await dir.write("bin/there", "", 0o755);
  await dir.write("bin/plain", "", 0o644);
});
afterAll(() => dir[Symbol.asyncDispose]());

const check = (text: string, searchPath: string | undefined = dir.join("bin")) =>
  requireProgram(text, "backend.command.x", { cwd: dir.path, searchPath });

describe("shell text that provably calls what is not there is refused:", () => {
  test.each([
    ["/no/such", "/no/such: there is no such file"],
    ["  /no/such\t--flag $VALUE 'quoted' ", "there is no such file"],
    ["bin/none", "bin/none: there is no such file"],
    ["./bin/plain", "it is not an executable file"],
    ["./bin", "it is not an executable file"],
    ["plain", "no such program on PATH"],
    ["none -v", "no such program on PATH"],
  ])("%p", (text, says) => {
    expect(() => check(text)).toThrow(BackendUnusable);
    expect(() => check(text)).toThrow(says);
    expect(() => check(text)).toThrow("correct backend.command.x");
  });

  test("with an empty PATH", () => {
    expect(() => check("there", "")).toThrow("PATH is empty");
  });
});

test.each([
  ["/opt/oz/dispatch", "exec /opt/oz/dispatch"],
  ["  ./dispatch --to 'the queue' \"$QUEUE\"\n", "exec ./dispatch --to 'the queue' \"$QUEUE\""],
])("the program of %p takes the shell's place", (text, expected) => {
  expect(inPlaceOfShell(text)).toBe(expected);
});

test.each([
  "true",
  "dispatch --flag",
  "X=1 ./dispatch",
  "./dispatch || exit 3",
  "./one\n./other",
  "./d >log",
  "$D/x",
])("%p stays as it is", (text) => {
  expect(inPlaceOfShell(text)).toBe(text);
});

describe("any other is left to the shell:", () => {
  test.each([
    "there --flag",
    "bin/there",
    "true",
    "exec /no/such",
    ". /no/such",
    "cd /no/such",
    "X=1 /no/such",
    "$DISPATCH",
    "~/dispatch",
    '"/no/such"',
    "/no/such || there",
    "/no/such; there",
    "none && there",
    "none\nthere",
    "none() { there; }; none",
    "if none; then there; fi",
    "{ none; }",
    "(none)",
    "/no/such <&0",
    "/no/such $(cat)",
    "# /no/such",
    "/no/suc?",
    "",
    "  ",
  ])("%p", (text) => {
    expect(() => check(text)).not.toThrow();
  });

  test("a name where the shell has a PATH of its own", () => {
    expect(() =>
      requireProgram("none", "backend.command.x", { cwd: dir.path, searchPath: undefined }),
    ).not.toThrow();
  });
});
