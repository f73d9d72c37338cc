import { describe, expect, test } from "bun:test";
import { parseExactly } from "../../../src/protocol/exact-json.ts";

describe("what is read and written again", () => {
  test.each([
    '{"a":1.0,"b":12345678901234567890,"c":1E5,"d":-0,"e":1e400}',
    '[1.0,[0.10,"1.0",true,null],{"__proto__":{"x":2.50},"toJSON":3.0,"length":4.0}]',
  ])("is the same text: %s", (text) => {
    expect(JSON.stringify(parseExactly(text))).toBe(text);
  });

  test("has the last of keys that come twice, as JSON.parse has it", () => {
    const text = '{"a":{"b":1.0,"b":7},"a":{"b":2.50}}';
    expect(JSON.stringify(parseExactly(text))).toBe('{"a":{"b":2.50}}');
  });
});

test("what needs no help is equal to what JSON.parse gives", () => {
  const text = '{"a":[1,-2,0.5,1e+21,"x"],"b":null,"__proto__":{"c":true}}';
  expect(parseExactly(text)).toEqual(JSON.parse(text));
});

test.each(["", "{", "nothing", `${"[".repeat(50_000)}${"]".repeat(50_000)}`])(
  "%.10s is undefined",
  (text) => {
    expect(parseExactly(text)).toBeUndefined();
  },
);
