/** What is said of a task is true: of its end by the agents' ledger, of the reason by what the campaign did. */
import type { At, Violation } from "../../checker/conversation.ts";
import {
  isStatusTold,
  notHeeded,
  untrueEnds,
  untrueRejections,
  wasGivenToDead,
} from "../../checker/sayings.ts";
import { LEDGER_CLOCK_MS } from "../../checker/written-run.ts";
import type { Said } from "../../history.ts";
import {
  mayBeUnknown,
  wasEndedByOthers,
  wasPrunedAgainAndAgain,
  wasStartForgotten,
  wasTakenAway,
} from "./excuses.ts";
import { type DockerStory, type DockerTelling, showRun } from "./stories.ts";

export function checkTruth(telling: DockerTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...untrueEnds(story, (end) => whyUntrue(end, story, telling)),
    ...notCancelled(story, telling),
    ...untold(story, telling),
    ...untrueRejections(story, telling, false),
  ]);
}

/** Null: it may be true. */
function whyUntrue(end: At<Said>, story: DockerStory, telling: DockerTelling): string | null {
  if (end.type === "task_completed") return whyUntrueSuccess(end, story, telling);
  const { runs } = story;
  switch (end.reason) {
    case "container_exit":
    case "container_oom":
      return whyUntrueStatus(end, story, telling);
    case "container_wait":
      return wasTakenAway(story, end, telling) ? null : "nobody had removed its container";
    case "image_pull":
    case "sidecar_prep":
    case "container_create":
    case "container_start":
      if (end.reason === "container_start" && wasStartForgotten(story, telling)) return null;
      if (runs.length > 0) return `it ran: ${runs.map(showRun).join(", ")}`;
      return wasPrunedAgainAndAgain(end, telling) ? null : "nobody had removed what it needs";
    case "graceful_shutdown":
      return wasStopped(end, story, telling) ? null : "no worker that could have had it had been told to end";
    case "unknown":
      return whyUntrueUnknown(end, story, telling);
    default:
      return "nothing in a campaign is a reason for that";
  }
}

function whyUntrueSuccess(end: At<Said>, story: DockerStory, telling: DockerTelling): string | null {
  const { runs, cancelled } = story;
  if (end.cancelled)
    return cancelled.some(({ index }) => index < end.index) ? null : "nobody had cancelled it";
  // One that was told to end by its worker, and ended well, has not done its work.
  const mayBeTold = wasEndedByOthers(story, end, telling);
  const isDone = runs.some((run) => run.end?.status === 0 && (run.termAt === null || mayBeTold));
  return isDone
    ? null
    : `no agent ended with 0 by itself; there were ${runs.map(showRun).join(", ") || "none"}`;
}

function whyUntrueStatus(end: At<Said>, story: DockerStory, telling: DockerTelling): string | null {
  const { runs, plan } = story;
  const { exitCode } = end;
  if (plan.outOfMemory && exitCode === 137) return null;
  if (end.reason === "container_oom") return "it does not take more memory than it may";
  if (runs.some((run) => run.end?.status === exitCode)) return null;
  if (exitCode === 255 && mayBeUnknown(story, end, telling)) return null;
  if ((exitCode === 137 || exitCode === 143) && wasEndedByOthers(story, end, telling)) return null;
  return `no agent ended with ${exitCode}; there were ${runs.map(showRun).join(", ") || "none"}`;
}

/** By a worker that was told to end before, and was still there when the task was first given to anybody. */
function wasStopped(end: At<Said>, { assigned }: DockerStory, telling: DockerTelling): boolean {
  const first = assigned[0]?.index ?? 0;
  return telling.signals("SIGTERM").some((signal) => {
    const exit = telling.ends.find(({ worker }) => "worker" in signal && worker === signal.worker);
    return signal.index < end.index && (exit === undefined || exit.index > first);
  });
}

/** Docs/protocol.md: "The worker was killed in the moment in which it started a task." */
function whyUntrueUnknown(end: At<Said>, story: DockerStory, telling: DockerTelling): string | null {
  const { runs } = story;
  if (!wasGivenToDead(end, story, telling)) return "no worker that had been given it was killed";
  if (!end.words.includes("safe to retry")) return "the words do not say that it is safe to retry";
  if (end.words.includes("knows of no start")) {
    // Docs/docker.md, "Crashes, restarts, and several workers": "followed by one that says so".
    if (wasStartForgotten(story, telling)) return null;
    // Docs/protocol.md: "What it had started is ended".
    if (runs.every((run) => run.end === null)) return null;
  }
  return runs.length === 0 ? null : `it ran: ${runs.map(showRun).join(", ")}`;
}

function notCancelled(story: DockerStory, telling: DockerTelling): Violation[] {
  return notHeeded(story, telling, (read) =>
    story.runs.some((run) => run.lastAt > read.at + LEDGER_CLOCK_MS),
  );
}

/** How an agent ended is told, whatever was killed, unless its user, a shutdown, its engine or somebody else had a say in it. */
function untold(story: DockerStory, telling: DockerTelling): Violation[] {
  const { taskId, runs, ends, cancelled } = story;
  const [first] = ends;
  if (first === undefined || cancelled.length > 0 || wasEndedByOthers(story, first, telling)) return [];
  if (wasStartForgotten(story, telling) || wasTakenAway(story, first, telling)) return [];
  if (first.exitCode === 255 && mayBeUnknown(story, first, telling)) return [];
  return runs.flatMap((run) => {
    const { end } = run;
    if (end === null || wasToldToEnd(end.at, first, story, telling)) return [];
    const isTold = isStatusTold(end.status, ends);
    // With a restart policy only the first end counts.
    const isFirst = run === runs[0];
    return isTold || !isFirst
      ? []
      : [{ rule: "told", taskId, what: `nobody told how ${showRun(run)} ended` }];
  });
}

/**
 * Docs/docker.md, "Cancel and shutdown": "Of an end that the engine tells of only after it was asked to stop, the time counts: more
 * than 5 s before that it was the agent's own."
 */
function wasToldToEnd(
  endedAt: number,
  told: At<Said>,
  { assigned }: DockerStory,
  { signals }: DockerTelling,
): boolean {
  const first = assigned[0]?.index ?? 0;
  return signals("SIGTERM").some(
    ({ index, at }) => index > first && index < told.index && at < endedAt + OWN_MS,
  );
}

const OWN_MS = 5_500;
