/** What a process ends with that a signal ends: 128 and the signal's number. */
export const SIGKILLED = 137;
export const SIGTERMED = 143;

/** The last of Linux. A program may exit with 255 as well, and ssh does. */
const LAST_SIGNAL = 64;

/** A process's status in words that follow its name; 128+signal for a signal. */
export function howItEnded(status: number): string {
  if (status > 128 && status <= 128 + LAST_SIGNAL)
    return `was ended by signal ${status - 128} (status ${status})`;
  return `exited with status ${status}`;
}
