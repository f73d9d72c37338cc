import { describe, expect, test } from "bun:test";
import { lastWords, redactorOf, SHOWN_BYTES } from "../../../../src/backends/command/last-words.ts";
import { OutputTail, TAIL_BYTES } from "../../../../src/process/shim/output-tail.ts";

const SECRET = "sesame-street";

function tailOf(...chunks: readonly string[]) {
  const tail = new OutputTail();
  for (const chunk of chunks) tail.add(Buffer.from(chunk));
  return tail.read();
}
const wordsOf = (text: string, secrets: readonly string[] = [SECRET]) =>
  lastWords(tailOf(text), redactorOf(secrets));

describe("the last words of a command", () => {
  test("are what it said, without the white space around it", () => {
    expect(wordsOf("\n no room\n\n")).toBe("no room");
    expect(wordsOf("")).toBe("");
    expect(wordsOf(" \n ")).toBe("");
  });

  test("are at most 2 KiB, cut between characters", () => {
    for (const shift of ["", "a", "ab", "abc"]) {
      const words = wordsOf(`${"€".repeat(5_000)}${shift}`);
      expect(Buffer.byteLength(words)).toBeLessThanOrEqual(SHOWN_BYTES);
      expect(Buffer.byteLength(words)).toBeGreaterThan(SHOWN_BYTES - 4);
      expect(words).not.toContain("\ufffd");
    }
  });

  test("have no secret in them, plain or as JSON has it, and keep what is too short to be one", () => {
    const quoted = 'say "it"\nthen\\go';
    const said = `${SECRET} ${JSON.stringify({ quoted })} abc`;
    expect(wordsOf(said, [SECRET, quoted, "abc"])).toBe('*** {"quoted":"***"} abc');
  });

  test.each([
    ["Python's JSON", "Pässwort-1", String.raw`{"p": "P\u00e4sswort-1"}`],
    ["Go's JSON", "a<b>&c-secret", String.raw`{"p":"a\u003cb\u003e\u0026c-secret"}`],
    ["PHP's JSON", "sl/ash-sécret", String.raw`{"p":"sl\/ash-s\u00e9cret"}`],
    ["the trace of a shell without UTF-8", "Pässwört'1", String.raw`+ p=$'P\303\244ssw\303\266rt\'1'`],
    ["the trace of a shell", "it's-secret", String.raw`+ p='it'\''s-secret'`],
    ["Python's shlex", "it's-secret", `p 'it'"'"'s-secret'`],
    ["a URL with nothing left as it is", "it's(secret)", "?p=it%27s%28secret%29"],
  ])("have no secret in them as %s has it", (_what, secret, said) => {
    const words = wordsOf(`failed: ${said}`, [secret]);
    expect(words).toContain("***");
    expect(words).not.toMatch(/ssw|secret|s.cret|ash|cret/);
  });

  test.each([1, 5, 12, 13, 14, 2_000, SHOWN_BYTES - 3, SHOWN_BYTES, SHOWN_BYTES + 6])(
    "show no part of a secret that lies %d bytes before the end of what is shown",
    (after) => {
      const words = wordsOf(`${"x".repeat(4_000)}${SECRET}${"y".repeat(after)}`);
      expect(words).not.toMatch(/s?e?s?a?m?e-|street|treet|reet|eet/);
    },
  );

  test("show no part of a secret that was cut before they came here, whatever came after it", () => {
    for (let shift = 0; shift < SECRET.length + 2; shift++) {
      const filler = `${"z".repeat(TAIL_BYTES - SECRET.length + shift - 6)}`;
      const line = `${SECRET}${filler}`;
      expect(wordsOf(`${SECRET}\n${line}\nlast`, [SECRET])).not.toMatch(/street|reet|eet/);
      // Where one line fills all that was kept, nothing of it can be trusted.
      expect(wordsOf(`${SECRET}${"z".repeat(TAIL_BYTES - 4 - shift)}`)).not.toMatch(/street|reet|eet/);
    }
    expect(wordsOf("z".repeat(2 * TAIL_BYTES))).toBe("(a line too long to be shown)");
  });

  test("of secrets that fill all that was kept show nothing of the one that was cut", () => {
    expect(wordsOf(`${SECRET} `.repeat(5_000))).toBe("(a line too long to be shown)");
    const lines = wordsOf(`${SECRET}\n`.repeat(5_000));
    expect(lines.replaceAll("***", "").trim()).toBe("");
    expect(lines).toStartWith("*");
  });
});

describe("what is kept of a stream", () => {
  test("is all of a short one, and the end of a long one, however it comes in pieces", () => {
    expect(tailOf("a", "b", "c")).toEqual({ text: "abc", cut: false });
    const text = Array.from({ length: 9_000 }, (_, n) => `${n}\n`).join("");
    for (const size of [1, 7, 1_000, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, text.length]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
        text.slice(n * size, (n + 1) * size),
      );
      expect(tailOf(...chunks)).toEqual({ text: text.slice(-TAIL_BYTES), cut: true });
    }
    expect(tailOf("x".repeat(TAIL_BYTES))).toEqual({ text: "x".repeat(TAIL_BYTES), cut: false });
  });

  test("does not break with the stream", async () => {
    const tail = new OutputTail();
    await tail.follow(
      (async function* () {
        yield Buffer.from("before");
        throw new Error("broken");
      })(),
    );
    expect(tail.read().text).toBe("before");
  });
});
