import { describe, expect, test } from "bun:test";
import { createLogger, type LogFormat } from "../../../src/logging/logger.ts";
import { Secrets } from "../../../src/logging/secrets.ts";

describe("values of environments", () => {
  test("are known while something that has them runs", () => {
    const secrets = new Secrets();
    const one = secrets.hide(["value-1234"]);
    const other = secrets.hide(["value-1234"]);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(secrets.redact("value-1234")).toBe("***");
    other[Symbol.dispose]();
    expect(secrets.redact("value-1234")).toBe("value-1234");
  });

  test("that are an id of their task stay readable", () => {
    const secrets = new Secrets();
    secrets.hide(["task-1234", "other-5678"], ["task-1234"]);
    expect(secrets.redact("task-1234 other-5678")).toBe("task-1234 ***");
  });

  test("leave nothing behind when they are forgotten", () => {
    const secrets = new Secrets();
    for (let i = 0; i < 1_000; i++) secrets.hide([`secret ${i} "of many"`])[Symbol.dispose]();
    expect(secrets.size).toBe(0);
  });
});

describe("keys", () => {
  test("are known for good, the newest hundred of them", () => {
    const secrets = new Secrets();
    for (let i = 0; i < 101; i++) secrets.rememberKey(`wk-key-${i}-of-many`);
    secrets.rememberKey("wk-key-5-of-many");
    expect(secrets.redactKeys("wk-key-0-of-many wk-key-1-of-many wk-key-100-of-many")).toBe(
      "wk-key-0-of-many *** ***",
    );
  });

  // The token of a collector stood in the log of a worker whose key is rotated every hour, from the fifth day on.
  test("that come and go leave what the process was started with hidden, also when it was one of them", () => {
    const secrets = new Secrets();
    for (const secret of ["token-of-a-collector", "wk-key-0-of-many"]) secrets.rememberForGood(secret);
    for (let i = 0; i < 200; i++) secrets.rememberKey(`wk-key-${i}-of-many`);
    expect(secrets.redactKeys("token-of-a-collector wk-key-0-of-many wk-key-1-of-many")).toBe(
      "*** *** wk-key-1-of-many",
    );
  });
});

describe.each(["text", "json"] satisfies LogFormat[])("a log line as %s", (format) => {
  function lines(secrets: Secrets) {
    const written: string[] = [];
    const log = createLogger({ level: "debug", format, secrets, write: (line) => written.push(line) });
    return { log, written };
  }

  test("keeps its words and its ids, whatever the values of environments are", () => {
    const secrets = new Secrets();
    secrets.hide(["claimed", "task claimed", "production", "image_pull"]);
    const { log, written } = lines(secrets);
    log.info("task claimed", { taskId: "production-1", reason: "image_pull", why: "in production" });
    expect(written.join("")).toContain("task claimed");
    expect(written.join("")).toContain("production-1");
    expect(written.join("")).toContain("image_pull");
    expect(written.join("")).toContain("in ***");
  });

  test("has no key in any part of it", () => {
    const secrets = new Secrets();
    secrets.rememberKey("wk-0123456789");
    const { log, written } = lines(secrets);
    log.with({ taskId: "t-wk-0123456789" }).error("it was wk-0123456789", { why: "wk-0123456789" });
    expect(written.join("")).not.toContain("0123456789");
    expect(written).toHaveLength(1);
  });

  test("has no line of a value of several lines, and no quoted form of it", () => {
    const secrets = new Secrets();
    secrets.hide(['-----BEGIN "KEY"-----\nMIIEow\\IBAAK\n-----END-----']);
    const { log, written } = lines(secrets);
    log.warn("it said", { why: 'key:\n-----BEGIN "KEY"-----\nMIIEow\\IBAAK\n-----END-----' });
    log.warn("it said", { why: JSON.stringify({ k: "MIIEow\\IBAAK" }) });
    for (const part of ["BEGIN", "MIIEow", "IBAAK"]) expect(written.join("")).not.toContain(part);
    expect(written).toHaveLength(2);
  });
});
