/** What a command said last, fit for a message that leaves this host: short, and without secrets. Pure. */
import {
  createRedactor,
  inUrl,
  jsonForms,
  LOOKS_THE_SAME_EVERYWHERE,
  type Redact,
} from "../../logging/redact.ts";
import type { Tail } from "../../process/shim/output-tail.ts";

/** Of standard error, in a failure message. */
export const SHOWN_BYTES = 2 * 1024;

/** Also in the other words in which a command that prints what it was given shows them. */
export function redactorOf(secrets: Iterable<string>): Redact {
  return createRedactor([...secrets].flatMap(formsOf));
}

function formsOf(secret: string): string[] {
  if (LOOKS_THE_SAME_EVERYWHERE.test(secret)) return [secret];
  const inJson = [secret, ...secret.split("\n")].flatMap(jsonForms);
  return [
    secret,
    // In the payload; the echo of some shells turns back its line ends and backslashes, but no quotes.
    ...inJson,
    ...inJson.map((form) => form.replaceAll("/", "\\/")),
    secret.replaceAll('"', '\\"'),
    // In the trace of `set -x`, and by jq's @sh; by Python's shlex; and where a shell knows ASCII only.
    secret.replaceAll("'", "'\\''"),
    secret.replaceAll("'", `'"'"'`),
    inDollarQuotes(secret),
    inUrl(secret).replace(/[!'()*]/g, inPercent),
  ];
}

/** What stands between `$'` and `'`. */
function inDollarQuotes(text: string): string {
  const escaped = text.replace(/['\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  return escaped.replace(/[^\x20-\x7e]+/gu, (run) => [...Buffer.from(run)].map(inOctal).join(""));
}

function inOctal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, "0")}`;
}

function inPercent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
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
