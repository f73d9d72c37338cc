/**
 * Takes known secrets out of text by value. Values of fewer than 6 characters are left alone: `1`,
 * `true` and `main` stand in every second line, and taking them out would make text unreadable
 * without hiding anything.
 */

export const SHORTEST_SECRET = 6;
export const REDACTED = "***";

export type Redact = (text: string) => string;

/**
 * Each line of a value of several lines is taken out by itself too: logs are cut at line ends. The
 * longest goes first, so that of one that contains another nothing is left.
 */
export function createRedactor(secrets: Iterable<string>): Redact {
  const parts = new Set<string>();
  for (const secret of secrets) {
    for (const part of [secret, ...secret.split(/\r?\n/)]) {
      if (part.trim().length >= SHORTEST_SECRET) parts.add(part.trim());
    }
  }
  if (parts.size === 0) return (text) => text;
  const longestFirst = [...parts].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((rest, part) => rest.replaceAll(part, REDACTED), text);
}
