/** Gives memory that is not needed any more back to the system, which takes some milliseconds. */
export function collectGarbage(): void {
  Bun.gc(true);
}
