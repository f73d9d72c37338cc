import { describe, expect, test } from "bun:test";
import { unused } from "../../../scripts/check/unused.ts";
import { findingsOf } from "./snippet.ts";

const CALLER = `import { A, f, n } from "./a.ts"; new A().used(f, n);`;

describe("unused", () => {
  test.each([
    ["a function", "export function g() {}"],
    ["a constant", "export const g = 1;"],
    ["a type", "export interface g {}"],
    ["a method", "class B { g() {} } new B();"],
    ["a getter", "class B { get g() { return 1; } } new B();"],
    ["what a test alone calls", "export function g() {}"],
  ])("%s", async (_what, text) => {
    const files = { "src/a.ts": text, "tests/a.test.ts": `import { g } from "../src/a.ts"; g();` };
    expect(await findingsOf(unused, files)).toEqual([
      "src/a.ts:1: nobody uses g; remove it, and what is of no use without it",
    ]);
  });

  test.each([
    [
      "what another module uses",
      "export class A { used() {} } export function f() {} export const n = 1;",
      CALLER,
      "",
    ],
    ["what its own module uses, and another", "export const g = 1; f(g); function f() {}", "g;", ""],
    ["what its own module and a test use", "export const g = 1; f(g); function f() {}", "", "g;"],
    ["a type that its own module uses", "export interface g {} f({} as g); function f() {}", "", ""],
    ["what an interface asks for", "class B implements C { g() {} } new B();", "", ""],
    ["what is no export", "function g() {}", "", ""],
  ])("%s is fine", async (_what, text, other, inTest) => {
    const files = { "src/a.ts": text, "src/b.ts": other, "tests/a.test.ts": inTest };
    expect(await findingsOf(unused, files)).toEqual([]);
  });

  test.each([
    ["a function", "export function g() {} g();"],
    ["a constant", "export const g = 1; f(g); function f() {}"],
    ["a class", "export class g {} new g();"],
  ])("%s that its own module alone uses is exported for nobody", async (_what, text) => {
    expect(await findingsOf(unused, { "src/a.ts": text })).toEqual([
      "src/a.ts:1: no other file uses g; do not export it",
    ]);
  });

  test("the far side of the tests may have what they alone call", async () => {
    const files = { "src/dev/a.ts": "export function g() {}", "tests/a.test.ts": "g();" };
    expect(await findingsOf(unused, files)).toEqual([]);
    expect(await findingsOf(unused, { "src/dev/a.ts": "export function g() {}" })).toHaveLength(1);
  });
});
