import { describe, expect, test } from "bun:test";
import { fileSize, functionSize } from "../../../scripts/check/sizes.ts";
import { findingsOf } from "./snippet.ts";

function lines(count: number, text = "  f();"): string {
  return `${text}\n`.repeat(count);
}

describe("file-size", () => {
  test.each([
    ["src/a.ts", 300, 0],
    ["src/a.ts", 301, 1],
    ["scripts/a.ts", 301, 1],
    ["tests/a.test.ts", 500, 0],
    ["tests/a.test.ts", 501, 1],
  ])("%s of %d lines", async (path, count, findings) => {
    expect(await findingsOf(fileSize, { [path]: lines(count, "f();") })).toHaveLength(findings);
  });
});

describe("function-size", () => {
  test.each([
    ["function big() {", "}", "big"],
    ["const big = async () => {", "};", "big"],
    ["const big = function () {", "};", "big"],
    ["call((x) => {", "});", "an unnamed function"],
    ["class A { big() {", "} }", "big"],
    ["class A { constructor() {", "} }", "constructor"],
    ["class A { get big() {", "} }", "big"],
    ["const o = { big() {", "} };", "big"],
  ])("%s is measured from its first line to its last", async (head, tail, name) => {
    const longest = await findingsOf(functionSize, { "src/a.ts": `${head}\n${lines(58)}${tail}` });
    expect(longest).toEqual([]);
    const findings = await findingsOf(functionSize, { "src/a.ts": `${head}\n${lines(59)}${tail}` });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain(`${name} has 61 lines, more than 60`);
  });

  test("braces in strings, templates, comments and regular expressions do not count", async () => {
    const text = `function small() { const a = "{"; const b = \`{\${"{"}\`; const c = /[{]/; /* { */ }\n${lines(80, "f();")}`;
    expect(await findingsOf(functionSize, { "src/a.ts": text })).toEqual([]);
  });

  test("a comment above a function is not part of it", async () => {
    const text = `/**\n${lines(70, " * words")} */\nfunction small() {}`;
    expect(await findingsOf(functionSize, { "src/a.ts": text })).toEqual([]);
  });

  test.each(["describe", "test", "it", "test.each(rows)", "describe.skipIf(true)"])(
    "the body of %s may be long in a test, and nowhere else",
    async (callee) => {
      const text = `${callee}("name", () => {\n${lines(80)}});`;
      expect(await findingsOf(functionSize, { "tests/a.test.ts": text })).toEqual([]);
      expect(await findingsOf(functionSize, { "src/a.ts": text })).toHaveLength(1);
    },
  );

  test("a long function inside the body of a test is found", async () => {
    const text = `describe("name", () => {\n  function big() {\n${lines(60)}  }\n});`;
    expect(await findingsOf(functionSize, { "tests/a.test.ts": text })).toHaveLength(1);
  });
});
