/** What is said of a task is true: of its end by the agents' ledger, of the reason by what the campaign did. */
import type { Assigned, Said } from "../history.ts";
import { isBegunAnew } from "./begun-anew.ts";
import type { At, Conversation, Hearing, Violation } from "./conversation.ts";
import { showRun } from "./runs.ts";
import { isStatusTold, notHeeded, untrueEnds, untrueRejections, wasGivenToDead } from "./sayings.ts";
import type { Story, Telling } from "./stories.ts";

export function checkTruth(telling: Telling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...untrueEnds(story, (end) => whyUntrue(end, story, telling)),
    ...notCancelled(story, telling),
    ...untold(story, telling),
    ...untrueRejections(story, telling, mayRunBeside(story)),
  ]);
}

/** Null: it may be true. */
function whyUntrue(end: At<Said>, story: Story, telling: Telling): string | null {
  const { runs } = story;
  if (end.type === "task_completed") {
    if (end.cancelled) return before(story.cancelled, end) ? null : "nobody had cancelled it";
    // One that was told to end, and ended well, has not done its work.
    const isDone = runs.some((run) => run.end?.status === 0 && run.termAt === null);
    return isDone
      ? null
      : `no agent ended with 0 by itself; there were ${runs.map(showRun).join(", ") || "none"}`;
  }
  switch (end.reason) {
    case "agent_invocation":
      return whyUntrueStatus(end, story, telling);
    case "graceful_shutdown":
      return wasStopped(end, story, telling) ? null : "no worker that could have had it had been told to end";
    case "setup_command":
      return whyUntrueSetup(end, story, telling);
    case "task_timeout":
      return whyUntrueTimeout(end, story, telling);
    case "unknown":
      return whyUntrueUnknown(end, story, telling);
    default:
      return "nothing in a campaign is a reason for that";
  }
}

/** By a worker that was told to end before, and was still there when the task was first given to anybody. */
export function wasStopped(end: At<Said>, { assigned }: Conversation, telling: Hearing): boolean {
  const first = assigned[0]?.index ?? 0;
  return telling.signals("SIGTERM").some((signal) => {
    const exit = telling.events.findIndex(
      (event) => event.kind === "exited" && "worker" in signal && event.worker === signal.worker,
    );
    return signal.index < end.index && (exit < 0 || exit > first);
  });
}

function whyUntrueStatus(end: At<Said>, story: Story, telling: Telling): string | null {
  const { exitCode } = end;
  // Docs/protocol.md, "In-memory mode": it is told again, "by the Direct backend as its agent ended", by a stop perhaps.
  if ((exitCode === 143 || exitCode === 137) && telling.forgot(story)) return null;
  if (exitCode !== null) {
    return story.runs.some((run) => run.end?.status === exitCode) ? null : `no agent ended with ${exitCode}`;
  }
  // Docs/protocol.md, "The shim is killed".
  return lostShim(end, story, telling) ? null : "no process that could have told the exit status was killed";
}

/** Of a worker which had been given the task. */
function lostShim(end: At<Said>, { assigned }: Story, telling: Telling): boolean {
  return assigned.some(({ worker, at }) =>
    // The next request may still go to the one that is dead.
    telling.shimKills(worker).some((kill) => kill.at > at - NOTICED_MS && kill.index < end.index),
  );
}

/** Docs/architecture.md, "The shim": with it its hooks are ended. */
function whyUntrueSetup(end: At<Said>, story: Story, telling: Telling): string | null {
  const fails = story.plan.executions.some(({ setup }) => setup.exit !== 0);
  return telling.history.hooks && (fails || lostShim(end, story, telling))
    ? null
    : "no setup command of it fails";
}

/** What had ended by itself in time is not over time, whoever finds that out later. */
function whyUntrueTimeout(end: At<Said>, story: Story, telling: Telling): string | null {
  const { runs, assigned, isPlain } = story;
  const { maxTaskMs } = telling.history;
  if (maxTaskMs === null) return "there is no limit";
  const due = (assigned[0]?.at ?? 0) + maxTaskMs;
  const inTime = runs.find((run) => run.end !== null && run.termAt === null && run.end.at < due - NOTICED_MS);
  // A worker that went on less than half a second after that was not frozen, as far as it can tell: src/async/time-limit.ts.
  const wasHardlyLate = telling.signals("SIGCONT").some(({ at }) => at >= due && at < due + HARDLY_LATE_MS);
  if (wasHardlyLate || isBegunAnew(story, telling)) return null;
  // Docs/protocol.md, "The shim is killed": how and when it ended nobody knows then.
  return inTime === undefined || !isPlain || lostShim(end, story, telling)
    ? null
    : `an agent ended in time: ${showRun(inTime)}`;
}

const HARDLY_LATE_MS = 600;
/** From an end to the worker's knowledge of it, on a busy machine. */
const NOTICED_MS = 300;

/** Docs/protocol.md, "The worker was killed in the moment in which it started a task. What it had started is ended". */
function whyUntrueUnknown(end: At<Said>, story: Story, telling: Telling): string | null {
  const { runs, assigned, plan } = story;
  if (!wasGivenToDead(end, story, telling)) return "no worker that had been given it was killed";
  if (!end.words.includes("safe to retry")) return "the words do not say that it is safe to retry";
  // Docs/protocol.md, "In-memory mode": the disk may know the task as one that is being set up.
  if (telling.forgot(story)) return null;
  // The same page, "The shim is killed": with its worker, and before that had written down which process it is.
  if (lostShim(end, story, telling)) return null;
  // Without an id, it may be another run of the task that was not begun.
  if (plan.executions.some(({ executionId }) => executionId === null) && assigned.length > 1) return null;
  // Begun anew it has a second end, which may be of a run that was not begun.
  if (isBegunAnew(story, telling) && mostRuns(story) > runs.length) return null;
  // Which execution it is said of nobody can tell: one of them has to fit.
  const wholeOf = (executionId: string | null) =>
    runs.find((run) => run.executionId === executionId && run.end !== null && run.end.at < end.at);
  const whole = plan.executions.map(({ executionId }) => wholeOf(executionId));
  const [first] = whole;
  if (first === undefined || whole.includes(undefined)) return null;
  return `an agent came to its end: ${showRun(first)}`;
}

/** Each worker that has claimed the task may have run it, and each execution that it was given and did not reject. */
function mostRuns({ assigned, claims, rejections }: Story): number {
  const answers = [...claims, ...rejections].toSorted((one, other) => one.index - other.index);
  const isClaimed = ({ worker, index }: At<Assigned>) =>
    answers.find((answer) => answer.worker === worker && answer.index > index)?.type === "task_claimed";
  const begun = assigned.filter(isClaimed).map(({ worker, executionId }) => `${worker} ${executionId}`);
  return Math.max(new Set(begun).size, new Set(claims.map(({ worker }) => worker)).size);
}

function before(
  events: readonly { readonly index: number }[],
  { index }: { readonly index: number },
): boolean {
  return events.some((event) => event.index < index);
}

function notCancelled(story: Story, telling: Telling): Violation[] {
  if (!story.isPlain || telling.forgot(story) || isBegunAnew(story, telling)) return [];
  // Its time may have been over first.
  if (telling.history.maxTaskMs !== null) return [];
  // Without an end of its own the stop has ended it, or somebody took it for an unknown one with its shim.
  const isHeld = telling.shimKills().length === 0;
  return notHeeded(story, telling, (read, { at }) =>
    story.runs.some(
      (run) => run.startAt < at && (run.end === null ? isHeld : run.end.at > read.at + CLOCK_MS),
    ),
  );
}

/** Between a line of the ledger and this process's own clock. */
const CLOCK_MS = 20;

/**
 * How an agent ended is told, whatever was killed: unless the user or a shutdown had a say in it, or the shim was killed.
 * Other executions of the task have other statuses, so it is this one's end that is looked for.
 */
function untold(story: Story, telling: Telling): Violation[] {
  const { taskId, runs, ends, cancelled, assigned } = story;
  if (cancelled.length > 0 || telling.forgot(story) || isBegunAnew(story, telling)) return [];
  if (telling.shimKills().length > 0) return [];
  const dueAt = (assigned[0]?.at ?? 0) + (telling.history.maxTaskMs ?? Number.POSITIVE_INFINITY) - NOTICED_MS;
  const settled = telling.history.events.findIndex(({ kind }) => kind === "settled");
  const terms = telling.signals("SIGTERM").filter(({ index }) => settled < 0 || index < settled);
  return runs.flatMap((run) => {
    // It may have been told to end before its agent began: a shim that was stopped begins it later.
    const isStopped = terms.some(({ index }) => index > (assigned[0]?.index ?? 0));
    if (run.end === null || run.end.at > dueAt || isStopped) return [];
    const { status } = run.end;
    const isTold = isStatusTold(status, ends);
    return isTold ? [] : [{ rule: "told", taskId, what: `nobody told how ${showRun(run)} ended` }];
  });
}

/** Another execution of the task, or the same one in another worker: more than one was offered. */
export function mayRunBeside({
  assigned,
  plan,
}: Conversation & { readonly plan: { readonly executions: readonly unknown[] } }): boolean {
  return plan.executions.length > 1 || new Set(assigned.map(({ worker }) => worker)).size > 1;
}
