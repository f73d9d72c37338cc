/** What the grace period makes of an end that nobody saw: the worker that had asked for it was killed. */

/** Beyond the period a kill may take a moment, and the clock of files is a coarse one. */
const LAST_WORK_MS = 2_000;

/** Both in ms since 1970. Later than that it went on all the same, for nobody was there any more to kill it. */
export function isWithinGrace(endedAt: number, stoppedAt: number, graceMs: number): boolean {
  return endedAt <= stoppedAt + graceMs + LAST_WORK_MS;
}
