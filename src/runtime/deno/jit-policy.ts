/** Deno does not let its compiler be told when. */

export function compileForTasks(): void {}

export function rarely<T>(work: () => T): T {
  return work();
}
