/** A run of an agent in a place of its own, a container or a pod, as it wrote it down in a ledger that all of them share. */
import type { Violation } from "./conversation.ts";

export interface WrittenRun {
  readonly startAt: number;
  /** Null: it was not told to end, as far as it could write that down. */
  readonly termAt: number | null;
  /** Null: it did not come to its end by itself. */
  readonly end: { readonly at: number; readonly status: number } | null;
  /** When it last wrote anything down. */
  readonly lastAt: number;
}

interface Line {
  readonly at: number;
  readonly what: string;
  readonly status: number | null;
}

/** Between a line's time, which is to 10 ms, and this process's own. */
export const LEDGER_CLOCK_MS = 60;

/** `own`: what it wrote from its start on, in the order of writing. */
export function readRun(start: Line, own: readonly Line[]): WrittenRun {
  const end = own.find(({ what }) => what === "end");
  return {
    startAt: start.at,
    termAt: own.find(({ what }) => what === "term")?.at ?? null,
    end: end === undefined ? null : { at: end.at, status: end.status ?? 0 },
    lastAt: own.at(-1)?.at ?? start.at,
  };
}

export function showRunIn(place: string, { startAt, termAt, end }: WrittenRun): string {
  const told = termAt === null ? "" : `, told to end at ${termAt}`;
  return `a run (in ${place}, from ${startAt} to ${end === null ? "an end of another's" : `${end.at} with ${end.status}`}${told})`;
}

/** Of the runs of a task, those that were not over when its end was told. */
export function workedOnAfter<T extends WrittenRun>(
  end: { readonly at: number; readonly words: string },
  { taskId, runs }: { readonly taskId: string; readonly runs: readonly T[] },
  show: (run: T) => string,
): Violation[] {
  return runs
    .filter(({ lastAt }) => lastAt > end.at + LEDGER_CLOCK_MS)
    .map((run) => ({
      rule: "worked-on",
      taskId,
      what: `${show(run)} wrote something down ${run.lastAt - end.at} ms after ${end.words}`,
    }));
}
