import { describe, expect, test } from "bun:test";
import { createRedactor, REDACTED, StreamRedactor } from "../../../src/logging/redact.ts";
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

describe("a stream redactor", () => {
  test.each(Array.from({ length: 9 }, (_, at) => at))(
    "finds a secret that is cut after %d characters",
    (at) => {
      const stream = StreamRedactor.of(["hunter22"]);
      const shown = stream.push(`a${"hunter22".slice(0, at)}`) + stream.push(`${"hunter22".slice(at)}b`);
      expect(shown + stream.end()).toBe("a***b");
    },
  );

  test("finds a secret that comes one character at a time, over line ends too", () => {
    const stream = StreamRedactor.of(["one-line\ntwo-line"]);
    const shown = [..."x one-line\ntwo-line y"].map((each) => stream.push(each)).join("");
    expect(shown + stream.end()).toBe("x *** y");
  });

  test("shows at once what can be no secret any more", () => {
    const stream = StreamRedactor.of(["hunter22"]);
    expect(stream.push("Password: hunt")).toBe("Password: ");
    expect(stream.push("ing")).toBe("hunting");
  });

  test("shows half a secret at the end, once", () => {
    const stream = StreamRedactor.of(["hunter22"]);
    expect(stream.push("hunter2")).toBe("");
    expect(stream.end()).toBe("hunter2");
    expect(stream.end()).toBe("");
  });

  test("keeps a whole secret with what begins within it", () => {
    const stream = StreamRedactor.of(["abcdef12", "f12xyzzz"]);
    expect(stream.push("-abcdef12")).toBe("-");
    expect(stream.push("xyzzz-")).toBe("***-");
  });

  test("holds back no more than the longest secret", () => {
    const secret = "s".repeat(1_000);
    const stream = StreamRedactor.of([secret]);
    let shown = 0;
    for (let i = 0; i < 100; i++) shown += stream.push("t".repeat(999)).length;
    expect(shown).toBe(99_900);
    stream.push("s".repeat(900));
    expect(stream.push("t")).toHaveLength(901);
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

test("wherever a text is cut, a stream shows what a redactor makes of the whole", () => {
  const random = seededRandom(11);
  let redacted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { secrets, text } = randomCase(random);
    const stream = StreamRedactor.of(secrets);
    let shown = "";
    for (let at = 0; at < text.length; ) {
      const next = at + 1 + Math.floor(random() * 5);
      shown += stream.push(text.slice(at, next));
      at = next;
    }
    const whole = createRedactor(secrets)(text);
    expect(shown + stream.end()).toBe(whole);
    if (whole.includes(REDACTED)) redacted += 1;
  }
  expect(redacted).toBeGreaterThan(ROUNDS / 4);
});
