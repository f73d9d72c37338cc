/** Points in time, as client-node hands them over. */

/**
 * In ms since 1970; null: not told. client-node says of a MicroTime (a Lease's, an event's `eventTime`)
 * that it is a Date, and leaves it the text that came.
 */
export function timeOf(time: Date | undefined): number | null {
  const ms = time === undefined || time === null ? Number.NaN : new Date(time).getTime();
  return Number.isNaN(ms) ? null : ms;
}
