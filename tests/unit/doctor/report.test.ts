import { describe, expect, test } from "bun:test";
import type { Finding } from "../../../src/doctor/finding.ts";
import { Report } from "../../../src/doctor/report.ts";

const GOOD: Finding = { name: "api-key", status: "ok", detail: "read from WARP_API_KEY" };

function tell(findings: readonly Finding[], json = false, redact = (text: string) => text) {
  const written: string[] = [];
  const report = new Report({ json, redact, write: (text) => void written.push(text) });
  for (const found of findings) report.add(found);
  return { ok: report.finish(), text: written.join("") };
}

describe("for people", () => {
  test("each finding is a line, in columns, and what to do stands below it", () => {
    const { ok, text } = tell([
      GOOD,
      { name: "state-folder", status: "warn", detail: "little room", hint: "make room" },
      { name: "control-plane", status: "fail", detail: "nobody there" },
      { name: "delivery", status: "skip", detail: "no connection" },
    ]);
    expect(text.split("\n")).toEqual([
      "ok    api-key        read from WARP_API_KEY",
      "warn  state-folder   little room",
      "                     make room",
      "fail  control-plane  nobody there",
      "skip  delivery       no connection",
      "1 ok, 1 warning, 1 failed, 1 skipped",
      "",
    ]);
    expect(ok).toBe(false);
  });

  test("it is told when it is found, not at the end", () => {
    const written: string[] = [];
    const report = new Report({
      json: false,
      redact: (all) => all,
      write: (text) => void written.push(text),
    });
    report.add(GOOD);
    expect(written).toEqual(["ok    api-key        read from WARP_API_KEY\n"]);
  });

  test("warnings do not make it fail", () => {
    const { ok, text } = tell([GOOD, { name: "health", status: "warn", detail: "taken" }, GOOD]);
    expect({ ok, last: text.split("\n").at(-2) }).toEqual({ ok: true, last: "2 ok, 1 warning, 0 failed" });
    expect(tell([GOOD]).text).toContain("1 ok, 0 warnings, 0 failed\n");
  });

  test("others' words neither begin a line nor move the cursor", () => {
    const { text } = tell([
      { name: "backend", status: "fail", detail: "a\nfail  b \u001b[2J", hint: "\u009bc" },
    ]);
    expect(text.split("\n")).toHaveLength(4);
    expect(text).toContain("a\\u000afail  b \\u001b[2J");
    for (const control of ["\u001b", "\u009b"]) expect(text).not.toContain(control);
  });
});

describe("as JSON", () => {
  test("all is one object in one line, nothing before it", () => {
    const warned: Finding = { name: "health", status: "warn", detail: 'a "b"', hint: "c" };
    const { ok, text } = tell([GOOD, warned], true);
    expect(text.split("\n")).toHaveLength(2);
    expect(JSON.parse(text)).toEqual({ version: expect.any(String), checks: [GOOD, warned], ok: true });
    expect(ok).toBe(true);
  });

  test("others' words do not move the cursor, and are the same for whoever parses it", () => {
    const others: Finding = { name: "backend", status: "fail", detail: "a\u009b2J\u202e\u001b[2J\nb" };
    const { text } = tell([others], true);
    for (const control of ["\u001b", "\u009b", "\u202e"]) expect(text).not.toContain(control);
    expect(JSON.parse(text)).toMatchObject({ checks: [others] });
  });

  test("a failure is told beside its check, too", () => {
    const failed: Finding = { name: "backend", status: "fail", detail: "no" };
    expect(JSON.parse(tell([failed], true).text)).toMatchObject({ checks: [failed], ok: false });
  });
});

test.each([true, false])("what is secret is in no text of it, JSON or not (%p)", (json) => {
  const found: Finding = { name: "api-key", status: "ok", detail: "from k3y", hint: "replace k3y" };
  const { text } = tell([found], json, (all) => all.replaceAll("k3y", "***"));
  expect(text).not.toContain("k3y");
  expect(text.match(/\*\*\*/g)).toHaveLength(2);
});
