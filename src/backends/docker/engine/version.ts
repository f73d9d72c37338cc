/** Which version of the API is spoken. Engines refuse those that are too old for them, so none is pinned. */

/** Docker 1.13: the first with limits in parts of a processor. What came later is asked for and not relied on. */
const OLDEST_API = "1.25";
/** What this client was written for; a newer engine is spoken to in this one. */
const NEWEST_API = "1.56";

/** Negative, zero or positive, by number: 1.9 < 1.41. */
export function compareVersions(one: string, other: string): number {
  const [ones, others] = [numbersOf(one), numbersOf(other)];
  for (let at = 0; at < Math.max(ones.length, others.length); at++) {
    const difference = (ones[at] ?? 0) - (others[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isSince(api: string, version: string): boolean {
  return compareVersions(api, version) >= 0;
}

export function isVersion(text: string): boolean {
  return /^\d+(?:\.\d+)+$/.test(text);
}

export type Negotiation = { readonly api: string } | { readonly refusal: string };

/** `newest` and `oldest` as the engine says; `oldest` may be empty. */
export function negotiate(newest: string, oldest: string): Negotiation {
  if (compareVersions(newest, OLDEST_API) < 0) {
    return {
      refusal: `it speaks API ${newest} at most, and this worker needs ${OLDEST_API} (Docker 1.13); upgrade the engine`,
    };
  }
  if (isVersion(oldest) && compareVersions(oldest, NEWEST_API) > 0) {
    return {
      refusal: `it speaks API ${oldest} at least, and this worker knows ${NEWEST_API} at most; upgrade the worker`,
    };
  }
  return { api: compareVersions(newest, NEWEST_API) > 0 ? NEWEST_API : newest };
}

function numbersOf(version: string): readonly number[] {
  return version.split(".").map((part) => Number.parseInt(part, 10) || 0);
}
