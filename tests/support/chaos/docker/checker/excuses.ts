/** What docs/docker.md lets become of a task when its engine is killed, or somebody else works in it. */
import type { At } from "../../checker/conversation.ts";
import type { Said } from "../../history.ts";
import { type DockerStory, type DockerTelling, wasMeddledWith } from "./stories.ts";

/** From the worker's asking for a start to the moment from which the engine knows of it for good, on a busy machine. */
const STARTS_WITHIN_MS = 2_000;

/**
 * "Crashes, restarts, and several workers": "An engine that is killed, or stopped, in the moment in which it starts a container may
 * not know of that: the worker asks it again, and the agent may run twice, or by itself." By itself, and the engine refuses the
 * second start. Of an agent that has not got so far as to write anything down the moment is not known.
 */
export function wasStartForgotten({ runs, claims, ends }: DockerStory, { hits }: DockerTelling): boolean {
  const [first] = runs;
  if (first !== undefined) return hits.some(({ at }) => Math.abs(at - first.startAt) < STARTS_WITHIN_MS);
  const [claim, end] = [claims[0], ends[0]];
  return hits.some(({ index }) => claim !== undefined && index > claim.index && index < (end?.index ?? 0));
}

/**
 * The same place: "What ended with the engine is reported with the status that the engine gave it; Docker says 255 where it does
 * not know", as of what ended while it was away.
 */
export function mayBeUnknown(story: DockerStory, end: At<Said>, telling: DockerTelling): boolean {
  return isHit(story, end, telling) || wasMeddledWith(story, end, "kill-shim");
}

/** Somebody else ended it, so that its status is not its own. */
export function wasEndedByOthers(story: DockerStory, end: At<Said>, telling: DockerTelling): boolean {
  if (wasMeddledWith(story, end, "kill", "stop", "remove", "kill-shim")) return true;
  return !telling.history.liveRestore && isHit(story, end, telling);
}

/** Between the agent's start and its report. */
function isHit({ runs, claims }: DockerStory, end: At<Said>, { hits }: DockerTelling): boolean {
  const since = runs[0] === undefined ? (claims[0]?.at ?? 0) : runs[0].startAt - STARTS_WITHIN_MS;
  return hits.some((hit) => hit.index < end.index && hit.at > since);
}

/** "The container": "somebody else removed it", by its name or among others. */
export function wasTakenAway(story: DockerStory, end: At<Said>, telling: DockerTelling): boolean {
  if (wasMeddledWith(story, end, "remove")) return true;
  // "Which engine": "`podman rmi --force` removes the containers of an image too, those that run among them".
  const isImageGone = telling.events.some(({ kind, index }) => kind === "image-removed" && index < end.index);
  if (telling.history.isPodman && isImageGone) return true;
  return telling.events.some((event, index) => {
    if (event.kind !== "pruning" || event.what !== "containers" || index > end.index) return false;
    const told = telling.events.find(
      (later) => later.index > index && later.kind === "pruned" && later.what === "containers",
    );
    if (told?.kind !== "pruned" || told.removed === null) return true;
    const { removed } = told;
    // Of one that never ran the ledger does not know the id.
    return story.runs.length === 0
      ? removed.length > 0
      : story.runs.some(({ container }) => removed.some((id) => id.startsWith(container)));
  });
}

/** "Sidecars": "that is made anew, at most three times", whatever of it somebody removed, and then the task fails. */
export function wasPrunedAgainAndAgain(end: At<Said>, { events }: DockerTelling): boolean {
  const removals = events.filter(({ kind }) => kind === "pruning" || kind === "image-removed");
  return removals.filter(({ index }) => index < end.index).length >= MOST_PRUNED;
}

const MOST_PRUNED = 3;
