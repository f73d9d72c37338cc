/** Rules of the ledger: what ran, how often, with what, and until when. */
import type { Violation } from "../../checker/conversation.ts";
import { workedOnAfter } from "../../checker/written-run.ts";
import { wasStartForgotten } from "./excuses.ts";
import { type DockerStory, type DockerTelling, showRun } from "./stories.ts";

export function checkRuns(telling: DockerTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...oneRun(story, telling),
    ...missed(story),
    ...workedOn(story, telling),
  ]);
}

function oneRun(story: DockerStory, telling: DockerTelling): Violation[] {
  const { taskId, runs } = story;
  if (runs.length <= 1 || wasStartForgotten(story, telling)) return [];
  const isOfOne = new Set(runs.map(({ container }) => container)).size === 1;
  // Docs/docker.md, "The container": one with a restart policy "is stopped when it ends for the first time", by the engine that has
  // begun to start it again.
  if (isOfOne && story.meddled.some(({ how }) => how === "restart-policy")) return [];
  return [{ rule: "one-run", taskId, what: `it ran ${runs.length} times: ${runs.map(showRun).join(", ")}` }];
}

/** Of a second run of one container nobody says anything: its files are those that the first has left. */
function missed({ taskId, runs }: DockerStory): Violation[] {
  return runs
    .filter(
      (run, at) => run.missing && !runs.slice(0, at).some(({ container }) => container === run.container),
    )
    .map((run) => ({ rule: "missing", taskId, what: `${showRun(run)} did not find its sidecar's files` }));
}

/** "A container is removed ... before its end is reported." */
function workedOn(story: DockerStory, telling: DockerTelling): Violation[] {
  const [end] = story.ends;
  if (end === undefined || wasStartForgotten(story, telling)) return [];
  return workedOnAfter(end, story, showRun);
}
