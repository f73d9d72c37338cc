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
  const { anonymousVolumes, agents, ...others } = telling.history.left;
  // Docs/docker.md, "Crashes, restarts, and several workers": such an agent "may run ... by itself".
  const isByItself = telling.stories.some((story) => wasStartForgotten(story, telling));
  const left = {
    ...others,
    anonymousVolumes: anonymousVolumes.slice(othersVolumes(telling)),
    agents: isByItself ? [] : agents,
  };
  return Object.entries(left)
    .flatMap(([where, each]) => each.map((name) => `${where}: ${name}`))
    .map((what) => ({ rule: "left", taskId: null, what }));
}

/**
 * How many of them are no worker's fault: "What the worker leaves in the engine" says that "an engine that is killed or stopped
 * while it makes or removes a container may leave a volume without a name". A prune of containers leaves theirs, too.
 */
function othersVolumes({ stories, hits, events }: DockerTelling): number {
  const cuts = ({ assigned, ends }: DockerStory) =>
    hits.filter(({ index }) => index > (assigned[0]?.index ?? 0) && index < (ends[0]?.index ?? events.length))
      .length;
  const cut = stories.filter(({ plan }) => plan.volume).reduce((sum, story) => sum + cuts(story), 0);
  const pruned = events.map((event) => {
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
