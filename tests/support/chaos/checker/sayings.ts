/** Whether what is said of a task is true, whatever ran it. */
import type { CancellationSent, Said } from "../history.ts";
import type { At, Conversation, Hearing, Violation } from "./conversation.ts";
import { show } from "./order.ts";

/** Each in the words in which it was first said. `whyUntrue`: null where it may be true. */
export function untrueEnds(
  { taskId, ends }: Conversation,
  whyUntrue: (end: At<Said>) => string | null,
): Violation[] {
  const firsts = [...Map.groupBy(ends, ({ words }) => words).values()].flatMap(([first]) => first ?? []);
  return firsts.flatMap((end) => {
    const why = whyUntrue(end);
    return why === null ? [] : [{ rule: "true", taskId, what: `${why}: ${show(end)}` }];
  });
}

/**
 * A cancellation that was certainly read, by a worker that had claimed the task and not ended it, while the agent ran on: it
 * ends in no other words, whoever is killed after that. Unless that worker had been told to end before: the first
 * reason counts. `ranOn`: whether an agent did, after `read`.
 */
export function notHeeded(
  { taskId, cancelled, claims, ends }: Conversation,
  hearing: Hearing,
  ranOn: (read: At<Said>, sent: At<CancellationSent>) => boolean,
): Violation[] {
  const heeded = cancelled.find((sent) => {
    const { index, connection, worker } = sent;
    const read = hearing.passedFenceAfter(index, connection);
    if (read === null || !claims.some((claim) => claim.worker === worker && claim.index < index))
      return false;
    if (ends.some((end) => end.index < read.index)) return false;
    if (hearing.signals("SIGTERM").some((signal) => signal.index < read.index)) return false;
    return ranOn(read, sent);
  });
  const [end] = ends;
  if (heeded === undefined || end === undefined || end.cancelled) return [];
  const what = `worker ${heeded.worker} was told to cancel it in time: ${show(end)}`;
  return [{ rule: "cancelled", taskId, what }];
}

/** An end like the one that an agent came to by itself is among these. */
export function isStatusTold(status: number, ends: Conversation["ends"]): boolean {
  return ends.some((end) =>
    status === 0 ? end.type === "task_completed" && !end.cancelled : end.exitCode === status,
  );
}

/** Before it was told of, a worker that had been given the task was gone: by a second signal, too, which ends it at once. */
export function wasGivenToDead(end: At<Said>, { assigned }: Conversation, hearing: Hearing): boolean {
  return assigned.some(({ worker, index }) =>
    hearing.ends.some((exit) => exit.worker === worker && exit.index > index && exit.index < end.index),
  );
}

export interface Rejecting extends Hearing {
  /** `maxConcurrentTasks` 0: there is no limit. */
  readonly history: { readonly maxConcurrentTasks: number };
}

/** `mayRun`: another execution of the task, or the same one in another worker. */
export function untrueRejections(
  { taskId, rejections }: Conversation,
  hearing: Rejecting,
  mayRun: boolean,
): Violation[] {
  const isTrue = (rejection: At<Said>) => {
    switch (rejection.reason) {
      case "worker at maximum concurrency":
        return hearing.history.maxConcurrentTasks > 0;
      case "worker is shutting down":
        return [...hearing.signals("SIGTERM"), ...hearing.signals("SIGQUIT")].some(
          ({ index }) => index < rejection.index,
        );
      case "another execution of this task is still running":
        return mayRun;
      default:
        return false;
    }
  };
  return rejections
    .filter((rejection) => !isTrue(rejection))
    .map((rejection) => ({ rule: "rejected-truly", taskId, what: show(rejection) }));
}
