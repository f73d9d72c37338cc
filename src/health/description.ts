/** How the worker is, in a line for people. */
import type { HealthSources } from "./status.ts";

/** What waits no longer than this is on its way. */
const OVERDUE_MS = 10_000;

export function describeWorker(sources: HealthSources, now = Date.now()): string {
  const { downSince } = sources.link();
  const { size, oldestSince } = sources.outbox();
  const overdue = oldestSince !== null && now - oldestSince >= OVERDUE_MS;
  return [
    ...(sources.accepting() ? [] : ["stopping"]),
    downSince === null ? "connected" : `not connected since ${time(downSince)}`,
    count(sources.tasks().length, "task"),
    ...(overdue ? [`${count(size, "message")} not read since ${time(oldestSince)}`] : []),
    ...(sources.journalDurable() ? [] : ["tasks remembered in memory only"]),
  ].join("; ");
}

function count(size: number, what: string): string {
  return `${size} ${what}${size === 1 ? "" : "s"}`;
}

/** To the second. */
function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, "");
}
