import { describe, expect, test } from "bun:test";
import { mayChangeDigits, parseExactly } from "../../../src/protocol/exact-json.ts";

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

describe("a text whose digits JSON.parse would change", () => {
  test.each([
    ...[
      "1.0",
      "[1.50]",
      '{"a":1E5}',
      '{"a": -0}',
      "[1,-0]",
      '{"a":\t12345678901234567890}',
      '[\n-1e3\n,"x"]',
    ],
  ])("is noticed: %j", (text) => {
    expect(mayChangeDigits(text)).toBe(true);
  });

  test.each([
    '{"a":[1,-2,0,123456789012345],"b":"1f0e-4e5d","c":"at 1.5 o\'clock","d":null}',
    '{"created_at":"2026-01-01T12:34:56.789Z","task_id":"3e1c1c9e-0000-4000-8000-000000000000"}',
  ])("is not seen where there is none: %s", (text) => {
    expect(mayChangeDigits(text)).toBe(false);
  });

  test("is noticed whatever its numbers are", () => {
    const digits = (count: number) => Array.from({ length: count }, (_, i) => (i * 7 + count) % 10).join("");
    const signs = ["", "-"];
    const wholes = ["0", "7", ...[14, 15, 16, 17, 30].map((count) => `1${digits(count)}`)];
    const ends = ["", ".0", ".5", ".10", "e0", "e+2", "E-3"];
    const numbers = signs.flatMap((sign) =>
      wholes.flatMap((whole) => ends.map((end) => `${sign}${whole}${end}`)),
    );
    for (const number of numbers) {
      for (const text of [number, `[${number}]`, `{"a": ${number}}`, `["x",\n${number} ]`]) {
        const changes = JSON.stringify(parseExactly(text)) !== JSON.stringify(JSON.parse(text));
        if (changes) expect([text, mayChangeDigits(text)]).toEqual([text, true]);
      }
    }
  });
});
