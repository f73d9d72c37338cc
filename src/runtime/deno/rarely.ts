/** Deno does not let its compiler be held back. */

export function rarely<T>(work: () => T): T {
  return work();
}
