/** What is left when all is over, and how the workers themselves fared. */
import type { Violation } from "../../checker/conversation.ts";
import { checkExits } from "../../checker/exits.ts";
import type { WorkerNumber } from "../../history.ts";
import type { ClusterTelling } from "./stories.ts";

export function checkRest(telling: ClusterTelling): Violation[] {
  return [
    ...leavings(telling),
    ...checkExits(telling, (exit) => exit.status === 1 && wasApiTroubled(exit.worker, telling)),
    ...complaints(telling),
  ];
}

function leavings(telling: ClusterTelling): Violation[] {
  const { preflights, ...others } = telling.history.left;
  // One that was killed in the middle of it deletes nothing, and the Job goes by its own time to live.
  const left = { ...others, preflights: preflights.slice(killedAtStart(telling)) };
  return Object.entries(left)
    .flatMap(([where, each]) => each.map((name) => `${where}: ${name}`))
    .map((what) => ({ rule: "left", taskId: null, what }));
}

/** How many were killed, or cut off from the cluster, before they had any connection. */
function killedAtStart({ events, ends }: ClusterTelling): number {
  return ends.filter(
    ({ worker }) => !events.some((event) => event.kind === "opened" && event.worker === worker),
  ).length;
}

/** "What is tried at start": "The worker starts only if the cluster can run its tasks; otherwise it ... exits with status 1". */
function wasApiTroubled(worker: WorkerNumber, { events }: ClusterTelling): boolean {
  const started = events.find((event) => event.kind === "started" && event.worker === worker)?.index ?? 0;
  const gone = events.find((event) => event.kind === "exited" && event.worker === worker)?.index ?? 0;
  const troubles = events.filter((event) => event.kind === "api");
  const before = troubles.findLast(({ index }) => index < started);
  const wasAway = before?.trouble === "leave" || before?.trouble === "freeze";
  const stalls = events.filter((event) => event.kind === "stalled" && event.program === "kube-apiserver");
  const wasStalled = stalls.some(({ index }) => index < gone) && stalls.some(({ index }) => index > started);
  return wasAway || wasStalled || troubles.some(({ index }) => index > started && index < gone);
}

function complaints({ history }: ClusterTelling): Violation[] {
  return history.workers.flatMap(({ worker, complaints }) =>
    complaints.map((line) => ({ rule: "log", taskId: null, what: `worker ${worker}: ${line}` })),
  );
}
