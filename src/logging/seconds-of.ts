/** Milliseconds as people are shown them: seconds, to a tenth. */
export function secondsOf(ms: number): number {
  return Math.round(ms / 100) / 10;
}
