/** Rules of the ledger: what ran, how often, beside whom, and until when. */
import type { Violation } from "../../checker/conversation.ts";
import { workedOnAfter } from "../../checker/written-run.ts";
import { mayRunOnceMore } from "./repeats.ts";
import { type ClusterStory, type ClusterTelling, showRun } from "./stories.ts";

export function checkRuns(telling: ClusterTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...oneRun(story),
    ...oneAtATime(story),
    ...workedOn(story, telling),
  ]);
}

function oneRun(story: ClusterStory): Violation[] {
  const { taskId, runs } = story;
  // "How a task ends": of a Job that is suspended and resumed "what runs anew is ended at once".
  if (runs.length <= 1 || mayRunOnceMore(story) || wasResumed(story)) return [];
  return [{ rule: "one-run", taskId, what: `it ran ${runs.length} times: ${runs.map(showRun).join(", ")}` }];
}

/** However often an execution is begun: never while it runs. But what the cluster was made to forget may run on. */
function oneAtATime(story: ClusterStory): Violation[] {
  const { taskId, runs, interfered } = story;
  if (interfered.length > 0) return [];
  return runs.flatMap((run, at) =>
    runs
      .slice(at + 1)
      .filter((later) => later.startAt < run.lastAt)
      .map((later) => ({
        rule: "one-at-a-time",
        taskId,
        what: `${showRun(later)} began beside ${showRun(run)}`,
      })),
  );
}

function wasResumed({ interfered }: ClusterStory): boolean {
  return interfered.some(({ how }) => how === "resume");
}

/** A failure is told when the agent has ended, a cancellation "when the pod is gone". */
function workedOn(story: ClusterStory, telling: ClusterTelling): Violation[] {
  const { ends, interfered } = story;
  const [end] = ends;
  // The grace period of what others have ended is not waited for.
  if (end === undefined || interfered.length > 0 || mayRunOnceMore(story)) return [];
  // Nor is any by a worker that stops.
  const isStopped = telling.signals("SIGTERM").some(({ index }) => index < end.index);
  if (end.cancelled && isStopped) return [];
  return workedOnAfter(end, story, showRun);
}
