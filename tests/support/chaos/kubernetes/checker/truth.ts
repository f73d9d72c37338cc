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
import { type ClusterStory, type ClusterTelling, showRun, wasInterfered } from "./stories.ts";

export function checkTruth(telling: ClusterTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...untrueEnds(story, (end) => whyUntrue(end, story, telling)),
    ...notCancelled(story, telling),
    ...untold(story),
    ...untrueRejections(story, telling, false),
  ]);
}

/** Null: it may be true. */
function whyUntrue(end: At<Said>, story: ClusterStory, telling: ClusterTelling): string | null {
  if (end.type === "task_completed") return whyUntrueSuccess(end, story);
  switch (end.reason) {
    case "container_exit":
      return whyUntrueStatus(end, story);
    case "job_failed":
      return wasInterfered(story, end) ? null : "nobody had done anything to its Job or its pod";
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
function untold(story: ClusterStory): Violation[] {
  const { taskId, runs, ends, cancelled } = story;
  const [first] = ends;
  if (first === undefined || cancelled.length > 0 || wasInterfered(story, first)) return [];
  return runs.flatMap((run) => {
    const { end } = run;
    if (end === null) return [];
    const isTold = isStatusTold(end.status, ends);
    return isTold ? [] : [{ rule: "told", taskId, what: `nobody told how ${showRun(run)} ended` }];
  });
}
