/** What is said of a task is true: of its end by the commands' ledger, of the reason by what the campaign did. */
import type { At, Violation } from "../../checker/conversation.ts";
import { show } from "../../checker/order.ts";
import { untrueEnds, untrueRejections } from "../../checker/sayings.ts";
import { mayRunBeside, wasStopped } from "../../checker/truth.ts";
import type { Said } from "../../history.ts";
import { DISPATCH_TIMEOUT_MS } from "../plan.ts";
import { isDispatchedAnew } from "./dispatched-anew.ts";
import { accepted, type CommandStory, type CommandTelling, showRun } from "./stories.ts";

export function checkTruth(telling: CommandTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...untrueEnds(story, (end) => whyUntrue(end, story, telling)),
    ...endedThoughAccepted(story, telling),
    ...untold(story, telling),
    ...untrueRejections(story, telling, mayRunBeside(story)),
  ]);
}

/** Null: it may be true. */
function whyUntrue(end: At<Said>, story: CommandStory, telling: CommandTelling): string | null {
  if (end.type === "task_completed") {
    if (!end.cancelled) return "only the task's own runtime can say that";
    return story.cancelled.some(({ index }) => index < end.index) ? null : "nobody had cancelled it";
  }
  switch (end.reason) {
    case "dispatch_command":
      return whyUntrueFailure(end, story, telling);
    case "dispatch_timeout":
      return whyUntrueTimeout(DISPATCH_TIMEOUT_MS, end, story, telling);
    case "task_timeout": {
      const { maxTaskMs } = telling.history;
      return maxTaskMs === null ? "there is no limit" : whyUntrueTimeout(maxTaskMs, end, story, telling);
    }
    case "graceful_shutdown":
      return wasStopped(end, story, telling) ? null : "no worker that could have had it had been told to end";
    default:
      return "nothing in a campaign is a reason for that";
  }
}

function whyUntrueFailure(end: At<Said>, story: CommandStory, telling: CommandTelling): string | null {
  const { runs } = story;
  if (end.exitCode !== null)
    return runs.some((run) => run.end?.status === end.exitCode)
      ? null
      : `no dispatch ended with ${end.exitCode}`;
  // Which execution it is said of nobody can tell, and one without an id may have run before.
  const first =
    story.isPlain && !isDispatchedAnew(story, telling) && !telling.forgot(story) ? runs[0] : undefined;
  if (end.words.includes("nobody knows how")) {
    // Docs/command.md, "Stops and crashes"; or a shim that cannot write a status down.
    return lostShim(end, story, telling) || telling.workers.some(({ wasInMemory }) => wasInMemory)
      ? null
      : "no process that could have told its end was killed";
  }
  if (end.words.includes("nobody knows whether")) {
    if (lostShim(end, story, telling)) return null;
    if (!lostWorker(end, story, telling)) return "neither its worker nor its shim was killed";
    return first === undefined ? null : `its shim lived, and knew of ${showRun(first)}`;
  }
  if (!end.words.includes("safe to retry")) return "nothing in a campaign is a reason for these words";
  if (!lostWorker(end, story, telling)) return "no worker that had been given it was killed";
  return first === undefined ? null : `it was dispatched: ${showRun(first)}`;
}

/** Of a worker which had been given the task; the next request may still go to one that is dead. */
function lostShim(end: At<Said>, { assigned }: CommandStory, telling: CommandTelling): boolean {
  return assigned.some(({ worker, at }) =>
    telling
      .shimTroubles("shim-killed", worker)
      .some((kill) => kill.at > at - NOTICED_MS && kill.index < end.index),
  );
}

/** By a second signal, too, which ends it at once. */
function lostWorker(end: At<Said>, { assigned }: CommandStory, telling: CommandTelling): boolean {
  return assigned.some(({ worker, index }) =>
    telling.ends.some((exit) => exit.worker === worker && exit.index > index && exit.index < end.index),
  );
}

/** From an end to the worker's knowledge of it, on a busy machine. */
const NOTICED_MS = 300;
/** A worker that went on less than half a second after a limit was not frozen, as far as it can tell: src/async/time-limit.ts. */
const HARDLY_LATE_MS = 600;

/** What had ended by itself in time is not over time, whoever finds that out later. */
function whyUntrueTimeout(
  limitMs: number,
  end: At<Said>,
  story: CommandStory,
  telling: CommandTelling,
): string | null {
  if (!story.isPlain || isDispatchedAnew(story, telling) || lostShim(end, story, telling)) return null;
  // Docs/protocol.md, "In-memory mode": what the disk knew as running is told of again, "perhaps as one that is gone".
  if (telling.forgot(story)) return null;
  const due = (story.assigned[0]?.at ?? 0) + limitMs;
  const wasThawed = telling.signals("SIGCONT").some(({ at }) => at >= due && at < due + HARDLY_LATE_MS);
  const inTime = story.runs.find(
    (run) => run.end !== null && run.termAt === null && run.end.at < due - NOTICED_MS,
  );
  return inTime === undefined || wasThawed ? null : `the dispatch had ended in time: ${showRun(inTime)}`;
}

/** Docs/command.md, "How a dispatch ends": of one that exits with 0 nothing is reported, unless it was interrupted before. */
function endedThoughAccepted(story: CommandStory, telling: CommandTelling): Violation[] {
  const { taskId, ends, cancels, isPlain } = story;
  const run = accepted(story);
  const [end] = ends;
  if (run === undefined || end === undefined || isUnsure(story, telling)) return [];
  if (!isPlain) return [];
  const isInterrupted = end.cancelled || end.reason === "dispatch_timeout" || end.reason === "task_timeout";
  if (!isInterrupted)
    return [
      { rule: "handed-over", taskId, what: `the engine has it, ${showRun(run)}, and yet: ${show(end)}` },
    ];
  if (cancels.length > 0) return [];
  return [{ rule: "taken-back", taskId, what: `the engine has it, and was told nothing: ${showRun(run)}` }];
}

/** How a dispatch that ended by itself ended is told, or that the engine has it, whatever was killed. */
function untold(story: CommandStory, telling: CommandTelling): Violation[] {
  const { taskId, ends, cancelled, runs } = story;
  if (cancelled.length > 0 || telling.history.maxTaskMs !== null || isUnsure(story, telling)) return [];
  const isStopped = telling
    .signals("SIGTERM")
    .some(({ index }) => telling.settledIndex === null || index < telling.settledIndex);
  return runs.flatMap((run) => {
    const { end } = run;
    if (end === null || end.status === 0 || run.termAt !== null || isStopped) return [];
    if (end.at - run.startAt > DISPATCH_TIMEOUT_MS - NOTICED_MS) return [];
    return ends.some(({ exitCode }) => exitCode === end.status)
      ? []
      : [{ rule: "told", taskId, what: `nobody told how ${showRun(run)} ended` }];
  });
}

/** Whoever knew of it may have been killed, or another may tell of it. */
function isUnsure(story: CommandStory, telling: CommandTelling): boolean {
  const { assigned } = story;
  const isLost = assigned.some(({ worker }) => telling.shimTroubles("shim-killed", worker).length > 0);
  return isLost || telling.forgot(story) || isDispatchedAnew(story, telling);
}
