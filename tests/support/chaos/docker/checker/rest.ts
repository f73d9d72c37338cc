/** What is left when all is over, and how the workers themselves fared. */
import type { Violation } from "../../checker/conversation.ts";
import { checkExits } from "../../checker/exits.ts";
import { wasStartForgotten } from "./excuses.ts";
import type { DockerStory, DockerTelling } from "./stories.ts";

export function checkRest(telling: DockerTelling): Violation[] {
  return [
    ...leavings(telling),
    ...checkExits(telling, (exit) => exit.status === 1 && wasEngineAway(exit.worker, telling)),
    ...complaints(telling),
  ];
}

function leavings(telling: DockerTelling): Violation[] {
  const { anonymousVolumes, agents, volumes, ...others } = telling.history.left;
  // Docs/docker.md, "Crashes, restarts, and several workers": such an agent "may run ... by itself".
  const isByItself = telling.stories.some((story) => wasStartForgotten(story, telling));
  const left = {
    ...others,
    volumes: mayBeEmpty(telling) ? volumes.filter((name) => !OF_SIDECAR.test(name)) : volumes,
    anonymousVolumes: anonymousVolumes.slice(othersVolumes(telling)),
    agents: isByItself ? [] : agents,
  };
  return Object.entries(left)
    .flatMap(([where, each]) => each.map((name) => `${where}: ${name}`))
    .map((what) => ({ rule: "left", taskId: null, what }));
}

const OF_SIDECAR = /-[0-9a-f]{12}$/;

/**
 * "What the worker leaves in the engine": "where volumes are pruned while tasks begin, and the worker or the engine is killed, an
 * empty volume that is named as a sidecar's".
 */
function mayBeEmpty({ events, hits, signals }: DockerTelling): boolean {
  const arePruned = events.some((event) => event.kind === "pruning" && event.what === "volumes");
  return arePruned && (hits.length > 0 || signals("SIGKILL").length > 0);
}

/**
 * How many of them are no worker's fault: "What the worker leaves in the engine" says that "an engine that is killed or stopped
 * while it makes or removes a container may leave a volume without a name". A prune of containers leaves theirs, too, and
 * so does podman that removes those of an image.
 */
function othersVolumes({ stories, hits, events, history }: DockerTelling): number {
  const cuts = ({ assigned, ends }: DockerStory) =>
    hits.filter(({ index }) => index > (assigned[0]?.index ?? 0) && index < (ends[0]?.index ?? events.length))
      .length;
  const cut = stories.filter(({ plan }) => plan.volume).reduce((sum, story) => sum + cuts(story), 0);
  const withVolume = stories.filter(({ plan }) => plan.volume).length;
  const pruned = events.map((event) => {
    if (event.kind === "image-removed") return history.isPodman ? withVolume : 0;
    if (event.kind !== "pruned" || event.what !== "containers") return 0;
    return event.removed === null ? stories.length : event.removed.length;
  });
  return pruned.reduce((sum, each) => sum + each, cut);
}

/** "Which engine": "An engine that does not answer is an error at start (exit status 1)". */
function wasEngineAway(worker: number, { events }: DockerTelling): boolean {
  const of = (kind: "started" | "exited") =>
    events.find((event) => event.kind === kind && event.worker === worker)?.index ?? 0;
  const [begun, gone] = [of("started"), of("exited")];
  const states = events.filter((event) => event.kind === "engine");
  const before = states.findLast(({ index }) => index < begun);
  const during = states.filter(({ index }) => index > begun && index < gone);
  return [...(before === undefined ? [] : [before]), ...during].some(({ was }) =>
    ["killed", "terminated", "paused"].includes(was),
  );
}

function complaints({ history }: DockerTelling): Violation[] {
  return history.workers.flatMap(({ worker, complaints }) =>
    complaints.map((line) => ({ rule: "log", taskId: null, what: `worker ${worker}: ${line}` })),
  );
}
