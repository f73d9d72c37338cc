import { describe, expect, test } from "bun:test";
import { expanded, literal } from "../../../../src/backends/kubernetes/job/expansion.ts";
import { expandAsKubelet } from "./kubelet-expansion.ts";

const KNOWN = { HOME: "/root", A: "a" };

describe("a text that the kubelet expands arrives as it was", () => {
  test.each([
    "plain",
    "$(HOME)",
    "$$",
    "$",
    "$$$",
    "$$(HOME)",
    "$$$$(A)$",
    "a$(A)b$(B)c",
    "$(touch /tmp/x)",
    "$$(touch /tmp/x)",
    "$(A",
    "$HOME `x`",
    "$(A)$(A)",
    "$((1+2))",
    "$(echo $(A))",
    "kill $(cat $$ $(A)) $(A)",
    "$( )$()$(A)",
    "$(a$$b)",
    "line\n$(A)\n$$",
  ])("%j", (text) => {
    expect(expandAsKubelet(literal(text), KNOWN)).toBe(text);
    expect(expanded(literal(text))).toBe(text);
  });
});

test("what would arrive unchanged anyway is left as it is, so that a Job stays readable", () => {
  const text = "$HOME $(touch /tmp/x) cost: 5$";
  expect(literal(text)).toBe(text);
});
