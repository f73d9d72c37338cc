import { describe, expect, test } from "bun:test";
import { createRedactor, REDACTED } from "../../../src/logging/redact.ts";
import { seededRandom } from "../protocol/seeded-random.ts";

const ROUNDS = 3_000;

describe("a redactor", () => {
  const cases: readonly [name: string, secrets: string[], text: string, clean: string][] = [
    ["takes a value out wherever it stands", ["hunter22"], "hunter22 a hunter22b", "*** a ***b"],
    ["leaves values of five characters", ["abcde"], "abcde", "abcde"],
    ["takes values of six", ["abcdef"], "abcdef", "***"],
    ["takes the longer of two that begin alike", ["abcdef", "abcdefghi"], "abcdefghi", "***"],
    ["leaves nothing of two that overlap", ["abcdef12", "f12xyzzz"], "-abcdef12xyzzz-", "-***-"],
    ["leaves nothing of one within another", ["cdefgh", "abcdefghij"], "abcdefghij", "***"],
    ["takes each line of several", ["first-line\nsecond-line"], "x second-line", "x ***"],
    ["takes all lines together", ["first-line\nsecond-line"], "first-line\nsecond-line", "***"],
    [
      "takes lines that end otherwise",
      ["first-line\nsecond-line"],
      "first-line\r\nsecond-line",
      "***\r\n***",
    ],
    [
      "takes short lines only with their neighbours",
      ["ab\nlong-enough"],
      "ab and ab\nlong-enough",
      "ab and ***",
    ],
    ["takes what JSON makes of it", ['quo"te\\d1'], String.raw`{"a":"quo\"te\\d1"}`, '{"a":"***"}'],
    ["takes what a URL makes of it", ["pass word/1"], "?p=pass%20word%2F1", "?p=***"],
    ["ignores white space around a value", ["  spaced-out \n"], "is spaced-out", "is ***"],
    ["knows characters beyond the first plane", ["schlüssel🔑"], "ein schlüssel🔑!", "ein ***!"],
    ["knows repeated beginnings", ["aaaaaab"], "aaaaaaaaab", "aaa***"],
    ["does nothing without secrets", [], "text", "text"],
  ];
  test.each(cases)("%s", (_name, secrets, text, clean) => {
    expect(createRedactor(secrets)(text)).toBe(clean);
  });
});

/** Few letters, so that beginnings, overlaps and repetitions happen all the time. */
function randomCase(random: () => number) {
  const letters = ["a", "b", "\n", '"', "é"];
  const word = (least: number, most: number) =>
    Array.from(
      { length: least + Math.floor(random() * (most - least)) },
      () => letters[Math.floor(random() * 5)],
    ).join("");
  const secrets = Array.from({ length: 1 + Math.floor(random() * 4) }, () => word(6, 12));
  let text = "";
  for (let i = 0; i < 6; i++)
    text += random() < 0.5 ? word(0, 8) : secrets[Math.floor(random() * secrets.length)];
  return { secrets, text };
}

test("whatever the secrets and the text are, no secret is left", () => {
  const random = seededRandom(7);
  for (let round = 0; round < ROUNDS; round++) {
    const { secrets, text } = randomCase(random);
    // What stands in place of one may not complete another.
    const clean = createRedactor(secrets)(text).split(REDACTED);
    for (const secret of secrets.map((each) => each.trim()).filter((each) => each.length >= 6)) {
      for (const rest of clean) expect(rest).not.toContain(secret);
    }
  }
});
