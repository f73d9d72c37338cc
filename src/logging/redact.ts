/**
 * Takes known secrets out of text by value, wherever they stand: whole, one line of several, or as a
 * JSON string or a URL would write them. Values of fewer than 6 characters are left alone.
 */
import { SecretIndex, SHORTEST_SECRET } from "./secret-index.ts";

export { SHORTEST_SECRET };
export const REDACTED = "***";

export type Redact = (text: string) => string;

export function createRedactor(secrets: Iterable<string>): Redact {
  const index = new SecretIndex();
  for (const secret of secrets) for (const part of partsOf(secret)) index.add(part);
  return (text) => redactWith(index, text);
}

export function redactWith(index: SecretIndex, text: string): string {
  const spans = index.find(text);
  if (spans.length === 0) return text;
  let clean = "";
  let at = 0;
  for (const { from, to } of spans) {
    clean += text.slice(at, from) + REDACTED;
    at = to;
  }
  return clean + text.slice(at);
}

/** Nothing in it is ever escaped: most keys, and not worth two more forms. */
export const LOOKS_THE_SAME_EVERYWHERE = /^[\w.~-]+$/;

/** What of a secret is looked for: logs are cut at line ends, and others quote what they print. */
export function partsOf(secret: string): ReadonlySet<string> {
  const parts = new Set<string>();
  for (const piece of secret.includes("\n") ? [secret, ...secret.split(/\r?\n/)] : [secret]) {
    const text = piece.trim();
    if (text.length < SHORTEST_SECRET) continue;
    parts.add(text);
    if (LOOKS_THE_SAME_EVERYWHERE.test(text)) continue;
    for (const form of jsonForms(text)) parts.add(form);
    parts.add(inUrl(text));
  }
  return parts;
}

/** As JSON writes it: our own, that of Go (which an engine or a cluster quotes with), and that of all ASCII. */
export function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  return [plain, plain.replace(/[<>&\u2028\u2029]/g, inHex), plain.replace(/[^\x20-\x7e]/g, inHex)];
}

function inHex(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

export function inUrl(text: string): string {
  // Half a surrogate pair has no form in a URL, and the function throws.
  return encodeURIComponent(text.toWellFormed());
}
