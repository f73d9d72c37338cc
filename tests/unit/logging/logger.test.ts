import { describe, expect, test } from "bun:test";
import { createLogger, LOG_LEVELS, type Logger, type LoggerOptions } from "../../../src/logging/logger.ts";
import { Secrets } from "../../../src/logging/secrets.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

function written(options: Partial<LoggerOptions>, speak: (log: Logger) => void): string[] {
  const lines: string[] = [];
  speak(createLogger({ level: "debug", format: "text", write: (line) => lines.push(line), ...options }));
  return lines;
}

const text = (speak: (log: Logger) => void) =>
  written({ format: "text" }, speak).map((line) => line.replace(TIME, ""));
const json = (speak: (log: Logger) => void) =>
  written({ format: "json" }, speak).map((line) => JSON.parse(line));

describe("text", () => {
  test("a line is time, level, message and fields, and ends in a newline", () => {
    const [line = ""] = written({}, (log) => log.info("task claimed", { taskId: "t-1", seconds: 1.5 }));
    expect(line).toMatch(TIME);
    expect(line.replace(TIME, "")).toBe("INFO  task claimed taskId=t-1 seconds=1.5\n");
  });

  test.each([
    ["plain", "plain"],
    ["with space", '"with space"'],
    ["", '""'],
    ['quo"te', '"quo\\"te"'],
    ["a=b", '"a=b"'],
    ["two\nlines", '"two\\nlines"'],
    ["\u001b[31mred", '"\\u001b[31mred"'],
    ["tab\there", '"tab\\there"'],
    ["\u2028", '"\\u2028"'],
    // Once shown as they are, which a terminal or a reader obeys: DEL, C1's CSI, turned text, a tag of no width.
    ["del\u007f", '"del\\u007f"'],
    ["\u009b2J", '"\\u009b2J"'],
    ["\u202etxt", '"\\u202etxt"'],
    ["\u{e0041}", '"\\udb40\\udc41"'],
    ["ünïcode", "ünïcode"],
  ])("a value %j is written as %s", (value, shown) => {
    expect(text((log) => log.warn("m", { value }))).toEqual([`WARN  m value=${shown}\n`]);
  });

  test("no value can make a second line of the log", () => {
    const nasty = "a\nb\r\nc\u0000\u001b[2J\u0085";
    const [line = ""] = text((log) => log.error("m", { nasty }));
    expect(line.split(/[\n\r]/)).toHaveLength(2);
    expect(line.endsWith("\n")).toBe(true);
  });

  test("no message can either, which may have others' words in it", () => {
    expect(text((log) => log.error("it said: a\nb\u009b2J"))).toEqual([
      "ERROR it said: a\\u000ab\\u009b2J\n",
    ]);
  });

  test("an id of a megabyte is cut, as each line about its task would be as long", () => {
    const taskId = "x".repeat(1_000_000);
    expect(text((log) => log.info("m", { taskId }))).toEqual([
      `INFO  m taskId="${"x".repeat(512)}... (1000000 characters)"\n`,
    ]);
  });

  test("of a key that lies where an id is cut nothing is left", () => {
    const key = "sk-0123456789abcdef";
    const secrets = new Secrets();
    secrets.rememberKey(key);
    const taskId = `${"x".repeat(500)}${key}${"x".repeat(100)}`;
    const [line] = written({ secrets }, (log) => log.info("m", { taskId }));
    expect(line).not.toContain("sk-0123");
  });

  test("an undefined field is left out, null is shown", () => {
    expect(text((log) => log.info("m", { gone: undefined, none: null, no: false, zero: 0 }))).toEqual([
      "INFO  m none=null no=false zero=0\n",
    ]);
  });
});

describe("json", () => {
  test("a line is one JSON object with time, level, message and fields", () => {
    const [line] = json((log) => log.error("it broke", { taskId: "t", exitCode: 7, none: null }));
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: "error",
      message: "it broke",
      taskId: "t",
      exitCode: 7,
      none: null,
    });
  });

  test("what a terminal would obey is written as JSON may write it", () => {
    const title = "\u007f\u009b2J\u2028\u202e";
    const [line = ""] = written({ format: "json" }, (log) => log.info("m", { title }));
    expect(line).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(line)).toMatchObject({ title });
  });

  test("line breaks stay inside the string", () => {
    expect(
      written({ format: "json" }, (log) => log.info("m", { words: "a\nb" }))[0]?.split("\n"),
    ).toHaveLength(2);
  });

  // Seen: the scheduler's "task failed" line had a field `message`, which took the place of "task failed".
  test.each([["message"], ["level"], ["time"]])(
    "a field named %s does not replace the line's own",
    (name) => {
      const [line] = json((log) => log.warn("task failed", { [name]: "other" }));
      expect(line).toMatchObject({ level: "warn", message: "task failed" });
      expect(line.time).not.toBe("other");
    },
  );
});

test("a bound logger adds its fields to every line, and the line's own win", () => {
  const lines = text((log) => {
    const bound = log.with({ taskId: "t" }).with({ step: 1 });
    bound.info("a");
    bound.info("b", { step: 2 });
    log.info("c");
  });
  expect(lines).toEqual(["INFO  a taskId=t step=1\n", "INFO  b taskId=t step=2\n", "INFO  c\n"]);
});

test("two hundred equal lines in a row are two hundred lines: two tasks that end alike are two events", () => {
  const lines = text((log) => {
    for (let n = 0; n < 200; n++) log.info("task ended", { result: "completed" });
  });
  expect(lines).toHaveLength(200);
});

test.each([
  ["debug", ["debug", "info", "warn", "error"]],
  ["info", ["info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["error", ["error"]],
] as const)("at level %s the lines %j are written", (level, expected) => {
  const lines = written({ level, format: "json" }, (log) => {
    for (const each of LOG_LEVELS) log[each](each);
  });
  expect(lines.map((line) => JSON.parse(line).level)).toEqual([...expected]);
});
