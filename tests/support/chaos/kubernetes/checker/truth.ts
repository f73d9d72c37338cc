/** What is said of a task is true: of its end by the agents' ledger, of the reason by what the campaign did. */
import type { At, Violation } from "../../checker/conversation.ts";
import {
  isStatusTold,
  notHeeded,
  untrueEnds,
  untrueRejections,
  wasGivenToDead,
} from "../../checker/sayings.ts";
import type { Said } from "../../history.ts";
import { type ClusterStory, type ClusterTelling, type PodRun, showRun, wasInterfered } from "./stories.ts";

export function checkTruth(telling: ClusterTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...untrueEnds(story, (end) => whyUntrue(end, story, telling)),
    ...notCancelled(story, telling),
    ...untold(story, telling),
    ...untrueRejections(story, telling, false),
  ]);
}

/** Null: it may be true. */
function whyUntrue(end: At<Said>, story: ClusterStory, telling: ClusterTelling): string | null {
  if (end.type === "task_completed") return whyUntrueSuccess(end, story);
  switch (end.reason) {
    case "container_exit":
      return whyUntrueStatus(end, story);
    case "active_deadline":
      return whyUntrueDeadline(end, story, telling);
    case "job_failed":
      if (wasInterfered(story, end) || mayBeUnseen(end, story, telling)) return null;
      return "nobody had done anything to its Job or its pod";
    case "image_pull":
      return story.plan.imageMissing ? null : "its image is there";
    // Docs/kubernetes.md: "A worker that was killed between creating a Job and its Secret reports that task as failed". Whoever
    // was given it too hears of that from its pod.
    case "container_create":
    case "unknown":
      return whyUntrueUnknown(end, story, telling);
    default:
      return "nothing in a campaign is a reason for that";
  }
}

function whyUntrueSuccess(end: At<Said>, story: ClusterStory): string | null {
  const { runs, cancelled } = story;
  if (end.cancelled)
    return cancelled.some(({ index }) => index < end.index) ? null : "nobody had cancelled it";
  // One that was told to end by its worker, and ended well, has not done its work.
  const mayBeTold = wasInterfered(story, end);
  const isDone = runs.some((run) => run.end?.status === 0 && (run.termAt === null || mayBeTold));
  return isDone
    ? null
    : `no agent ended with 0 by itself; there were ${runs.map(showRun).join(", ") || "none"}`;
}

function whyUntrueStatus(end: At<Said>, story: ClusterStory): string | null {
  const { runs } = story;
  const { exitCode } = end;
  const isItsOwn = runs.some((run) => run.end?.status === exitCode);
  if (isItsOwn && !(exitCode === 143 && !wasInterfered(story, end))) return null;
  if ((exitCode === 137 || exitCode === 143) && wasInterfered(story, end)) return null;
  return `no agent ended with ${exitCode} by itself; there were ${runs.map(showRun).join(", ") || "none"}`;
}

function whyUntrueDeadline(end: At<Said>, story: ClusterStory, telling: ClusterTelling): string | null {
  if (telling.history.deadlineSeconds === null) return "no Job has a deadline";
  const inTime = story.runs.find((run) => endedInTime(run, story, telling));
  if (inTime === undefined || wasInterfered(story, end) || mayBeUnseen(end, story, telling)) return null;
  return `${showRun(inTime)} had ended in time`;
}

/** The pods of a Job that is out of time are deleted: who gets it after that finds nothing that tells how its agent ended. */
function mayBeUnseen(end: At<Said>, { runs, claims }: ClusterStory, { history }: ClusterTelling): boolean {
  const hadIt = claims.find(({ worker }) => worker === end.worker)?.at ?? Number.POSITIVE_INFINITY;
  return history.deadlineSeconds !== null && runs.every(({ lastAt }) => lastAt < hadIt);
}

/** By itself, and certainly: its Job began no earlier than it was given to anybody. */
function endedInTime(
  { end, termAt }: PodRun,
  { assigned }: ClusterStory,
  { history: { deadlineSeconds } }: ClusterTelling,
): boolean {
  const [first] = assigned;
  if (end === null || termAt !== null) return false;
  if (deadlineSeconds === null) return true;
  return first !== undefined && end.at < first.at + deadlineSeconds * 1_000 - WHOLE_SECONDS_MS;
}

/** The cluster tells its times in whole seconds, and within two of them the worker goes by what the Job says. */
const WHOLE_SECONDS_MS = 3_000;

function whyUntrueUnknown(end: At<Said>, story: ClusterStory, telling: ClusterTelling): string | null {
  const { runs } = story;
  if (!wasGivenToDead(end, story, telling)) return "no worker that had been given it was killed";
  if (end.reason === "unknown" && !end.words.includes("safe to retry"))
    return "the words do not say that it is safe to retry";
  if (runs.length === 0 || wasBegunAfterAll(story)) return null;
  return `it ran: ${runs.map(showRun).join(", ")}`;
}

/** By a second worker, which was killed before it ran once more what had "ended well" or was "stopped" (see repeats.ts). */
function wasBegunAfterAll({ wasGivenAway, runs, cancelled, interfered }: ClusterStory): boolean {
  const isGone = runs.some(({ end }) => end?.status === 0) || cancelled.length + interfered.length > 0;
  return wasGivenAway && isGone;
}

function notCancelled(story: ClusterStory, telling: ClusterTelling): Violation[] {
  const { interfered, wasGivenAway } = story;
  // It may be another's by then, who ends it, or tells how it has ended.
  if (interfered.length > 0 || wasGivenAway) return [];
  return notHeeded(story, telling, (read) => story.runs.some((run) => run.lastAt > read.at + CLOCK_MS));
}

/** Between a line's time, which is to 10 ms, and this process's own. */
const CLOCK_MS = 60;

/** How an agent ended is told, whatever was killed, unless its user or somebody else had a say in it. */
function untold(story: ClusterStory, telling: ClusterTelling): Violation[] {
  const { taskId, runs, ends, cancelled } = story;
  const [first] = ends;
  if (first === undefined || cancelled.length > 0 || wasInterfered(story, first)) return [];
  return runs.flatMap((run) => {
    const { end } = run;
    if (end === null) return [];
    // Whether that is true is judged by itself.
    if (first.reason === "active_deadline" || mayBeUnseen(first, story, telling)) return [];
    const isTold = isStatusTold(end.status, ends);
    return isTold ? [] : [{ rule: "told", taskId, what: `nobody told how ${showRun(run)} ended` }];
  });
}
