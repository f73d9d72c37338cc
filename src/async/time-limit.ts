/**
 * A limit of time for what tells of its end by an event. A process that was frozen meanwhile (SIGSTOP, a paused
 * container, a host that swaps) hears of its timers first, and only then reads what happened in time.
 */

/** What it takes to hear of that: it may have to be asked for over a connection that is gone by now. */
export const HEARD_WITHIN_MS = 5_000;
/** No loop that works is that late. */
const FROZEN_MS = 500;

/** Calls `onOver` after `ms`, and later if this process did not run when they were over; not once it is disposed of. */
export function limitTime(ms: number, onOver: () => void, now = () => performance.now()): Disposable {
  const dueAt = now() + ms;
  let timer = setTimeout(() => {
    if (now() - dueAt < FROZEN_MS) onOver();
    else timer = setTimeout(onOver, HEARD_WITHIN_MS);
  }, ms);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
