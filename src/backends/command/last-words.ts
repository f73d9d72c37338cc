/** What a command said last, fit for a message that leaves this host: short, and without secrets. Pure. */
import { createRedactor, type Redact } from "../../logging/redact.ts";
import type { Tail } from "../../process/shim/output-tail.ts";

/** Of standard error, in a failure message. */
export const SHOWN_BYTES = 2 * 1024;

/** Also in the other words in which a command that prints what it was given shows them. */
export function redactorOf(secrets: Iterable<string>): Redact {
  return createRedactor([...secrets].flatMap(formsOf));
}

function formsOf(secret: string): string[] {
  return [
    secret,
    // In the payload; the echo of some shells turns back its line ends and backslashes, but no quotes.
    inJson(secret),
    ...secret.split("\n").map(inJson),
    secret.replaceAll('"', '\\"'),
    // In the trace of `set -x`, and by jq's @sh.
    secret.replaceAll("'", "'\\''"),
  ];
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Empty when it said nothing. */
export function lastWords({ text, cut }: Tail, redact: Redact): string {
  // The line that was cut may begin with the second half of a secret, which nobody would recognize.
  const whole = cut ? text.slice(text.indexOf("\n") + 1 || text.length) : text;
  const shown = shorten(redact(whole).trim());
  return cut && shown === "" && text.trim() !== "" ? "(a line too long to be shown)" : shown;
}

function shorten(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= SHOWN_BYTES) return text;
  let start = bytes.length - SHOWN_BYTES;
  // Not in the middle of a character: those of UTF-8 go on with bytes of 10xxxxxx.
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return bytes.subarray(start).toString("utf8").trimStart();
}
