/** Rules of `cancel_command`: whoever is cancelled is told, and nobody else. Docs/command.md, "Cancellation". */
import type { Violation } from "../../checker/conversation.ts";
import { DISPATCH_TIMEOUT_MS } from "../plan.ts";
import { isDispatchedAnew } from "./dispatched-anew.ts";
import { accepted, CLOCK_MS, type CommandStory, type CommandTelling, type Run, showRun } from "./stories.ts";

export function checkCancellations(telling: CommandTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...uncalled(story, telling),
    ...undispatched(story),
    ...toldAgain(story, telling),
    ...notPassedOn(story, telling),
  ]);
}

/** Or it was interrupted, and exited with 0 all the same: then the engine is told, whatever it was interrupted for. */
function uncalled(
  { taskId, cancelled, cancels, runs }: CommandStory,
  { history }: CommandTelling,
): Violation[] {
  const wasInterrupted = (run: Run, at: number) =>
    run.end?.status === 0 &&
    run.end.at <= at + CLOCK_MS &&
    (run.termAt !== null ||
      history.maxTaskMs !== null ||
      run.end.at - run.startAt > DISPATCH_TIMEOUT_MS - NOTICED_MS);
  return cancels
    .filter(({ startAt }) => !cancelled.some(({ at }) => at <= startAt + CLOCK_MS))
    .filter(({ startAt }) => !runs.some((run) => wasInterrupted(run, startAt)))
    .map((cancel) => ({
      rule: "cancel-asked-for",
      taskId,
      what: `nobody had cancelled it: ${showRun(cancel)}`,
    }));
}

/** From an end to the worker's knowledge of it, on a busy machine. */
const NOTICED_MS = 300;

function undispatched({ taskId, cancels, runs }: CommandStory): Violation[] {
  return cancels
    .filter(
      (cancel) =>
        !runs.some((run) => run.executionId === cancel.executionId && run.startAt <= cancel.startAt),
    )
    .map((cancel) => ({
      rule: "cancel-dispatched",
      taskId,
      what: `the engine never had it: ${showRun(cancel)}`,
    }));
}

/** "Once it has exited with 0, it does not run again for that execution", unless its worker was gone before it knew. */
function toldAgain(story: CommandStory, telling: CommandTelling): Violation[] {
  const { taskId, cancels, isPlain } = story;
  if (!isPlain || telling.forgot(story) || isDispatchedAnew(story, telling)) return [];
  return cancels.flatMap((cancel, at) => {
    const { end } = cancel;
    if (end?.status !== 0) return [];
    const isCutOff = [...telling.ends, ...telling.signals("SIGSTOP")].some(
      (event) => event.at >= cancel.startAt - KNOWN_WITHIN_MS && event.at <= end.at + KNOWN_WITHIN_MS,
    );
    const isLost = telling
      .shimTroubles("shim-killed")
      .some((kill) => kill.at >= cancel.startAt - KNOWN_WITHIN_MS && kill.at <= end.at + KNOWN_WITHIN_MS);
    const again = cancels.slice(at + 1).find(({ startAt }) => startAt > end.at);
    if (isCutOff || isLost || again === undefined) return [];
    return [{ rule: "cancel-once", taskId, what: `${showRun(cancel)}, and then ${showRun(again)}` }];
  });
}

/** From what a command does to the journal's knowledge of it, on a busy machine. */
const KNOWN_WITHIN_MS = 300;

/**
 * A cancellation that was certainly read, by a worker that had claimed the task before, of which the engine has it: it is told at
 * least once, and soon where that worker goes on.
 */
function notPassedOn(story: CommandStory, telling: CommandTelling): Violation[] {
  const { taskId, cancelled, claims, ends, cancels, isPlain } = story;
  const run = accepted(story);
  if (!isPlain || run?.end == null || ends.length > 0) return [];
  if (telling.forgot(story) || isDispatchedAnew(story, telling)) return [];
  const { at: handedOverAt } = run.end;
  const missed = cancelled.flatMap(({ index, connection, worker }) => {
    const read = telling.passedFenceAfter(index, connection);
    const isHeld = claims.some((claim) => claim.worker === worker && claim.index < index);
    if (read === null || !isHeld) return [];
    const from = Math.max(read.at, handedOverAt);
    const dueAt = goesOn(worker, from, telling) ? from + SOON_MS : Number.POSITIVE_INFINITY;
    return cancels.some(({ startAt }) => startAt <= dueAt) ? [] : [worker];
  });
  return missed.slice(0, 1).map((worker) => ({
    rule: "cancel-passed-on",
    taskId,
    what: `worker ${worker} read a cancellation, and did not pass it on: ${showRun(run)}`,
  }));
}

/** On a busy machine. */
const SOON_MS = 1_000;

/** Neither it nor its shim was ended or stopped before, or for so long after that. */
function goesOn(worker: number, from: number, telling: CommandTelling): boolean {
  const troubles = [
    ...telling.signals("SIGKILL", worker),
    ...telling.signals("SIGTERM", worker),
    ...telling.signals("SIGSTOP", worker),
    ...telling.shimTroubles("shim-killed", worker),
    ...telling.shimTroubles("shim-stopped", worker),
  ];
  return !troubles.some(({ at }) => at <= from + SOON_MS);
}
