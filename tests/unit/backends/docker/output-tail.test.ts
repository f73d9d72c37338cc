import { describe, expect, test } from "bun:test";
import { quoteOutput, secretsOf } from "../../../../src/backends/docker/container-output.ts";
import { OutputTail, shortened } from "../../../../src/backends/docker/output-tail.ts";
import { createRedactor } from "../../../../src/logging/redact.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const out = (text: string) => ({ stream: "stdout", bytes: bytes(text) }) as const;
const err = (text: string) => ({ stream: "stderr", bytes: bytes(text) }) as const;

function linesOf(chunks: readonly ReturnType<typeof out | typeof err>[], limit?: number) {
  const tail = new OutputTail(limit);
  for (const chunk of chunks) tail.add(chunk);
  return tail.lines().map(({ stream, text }) => `${stream}: ${text}`);
}

describe("the tail of an output", () => {
  test("puts lines together that came in pieces, each stream by itself", () => {
    expect(linesOf([out("on"), err("tw"), out("e\r\nthr"), err("o\n"), out("ee")])).toEqual([
      "stdout: one",
      "stderr: two",
      "stdout: three",
    ]);
  });

  test("puts a character together that was cut in the middle", () => {
    const [first = 0, ...rest] = bytes("ü\n");
    expect(
      linesOf([
        { stream: "stdout", bytes: Uint8Array.of(first) },
        { stream: "stdout", bytes: Uint8Array.from(rest) },
      ]),
    ).toEqual(["stdout: ü"]);
  });

  test("holds the end of it and no more than its limit and one piece", () => {
    const chunks = Array.from({ length: 1_000 }, (_, index) => out(`line ${index}\n`));
    const lines = linesOf(chunks, 100);
    expect(lines.at(-1)).toBe("stdout: line 999");
    expect(lines.length).toBeLessThanOrEqual(12);
  });

  test("cuts a line that nobody could read", () => {
    const [line = ""] = linesOf([out("x".repeat(200_000))]);
    expect(shortened(line).length).toBeLessThan(17_000);
    expect(shortened(line)).toStartWith("…x");
    expect(shortened("short")).toBe("short");
  });
});

describe("what a failure message quotes", () => {
  const lines = (...texts: string[]) => texts.map((text) => ({ stream: "stdout", text }) as const);
  const redact = createRedactor(
    secretsOf(["TASK_ID=0123456789", "PATH=/usr/local/bin", "HOME=/home/agent", "TOKEN=hunter22"]),
  );

  test("is the last lines", () => {
    const all = lines(...Array.from({ length: 20 }, (_, index) => `line ${index}`));
    expect(quoteOutput(all, redact)).toBe(
      all
        .slice(-10)
        .map(({ text }) => text)
        .join("\n"),
    );
  });

  test("is the end of a line that is long", () => {
    expect(quoteOutput(lines(`${"x".repeat(2_000)}the end`), redact)).toBe(`${"x".repeat(1_017)}the end`);
  });

  test("is nothing when there is nothing to quote", () => {
    expect(quoteOutput(lines("", "  "), redact)).toBeNull();
  });

  test("is nothing when a value of the task's environment is among it", () => {
    expect(quoteOutput(lines("fine", "the token is hunter22!"), redact)).toBeNull();
  });

  test("is no half of a value that stands where it is cut", () => {
    expect(quoteOutput(lines(`hunter22${"x".repeat(1_020)}`), redact)).toBeNull();
  });

  test("may hold what every task has", () => {
    expect(quoteOutput(lines("0123456789: /usr/local/bin/x: no /home/agent"), redact)).not.toBeNull();
  });
});
