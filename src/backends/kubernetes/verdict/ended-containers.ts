/** What follows from containers that ended: init containers, then the task's own. */
import type { V1ContainerStateTerminated, V1Pod } from "@kubernetes/client-node";
import { type ContainerView, containersOf, exitStatusOf, hasEnded } from "./containers.ts";
import { deadlineOf, isOver, saysDeadline } from "./job-condition.ts";
import type { Failed, JobView } from "./view.ts";
import { jobText, KILLED, podText, reasonText, signalHint, withWords } from "./words.ts";

/**
 * Times of a status are whole seconds, and a node's clock may be two of them behind the cluster's: what ends that close to its
 * deadline, or when nobody says, may have been ended by it.
 */
const CLOCKS_MS = 2000;

interface Ended {
  readonly view: JobView;
  readonly pod: V1Pod;
  readonly container: ContainerView;
  readonly how: V1ContainerStateTerminated;
  readonly exitStatus: number;
}

export function failedInitContainer(view: JobView, pod: V1Pod): Failed | null {
  const [first] = endedBadly(view, pod).filter(({ container }) => container.role === "init");
  if (first === undefined) return null;
  if (ranOutOfMemory(first)) return { kind: "failed", reason: "container_oom", message: messageOf(first) };
  return deadlineInstead(first) ?? { kind: "failed", reason: "init_container", message: messageOf(first) };
}

/**
 * The container `task`, as soon as it ends; another one of the template only when the task's own has
 * ended too, because a task that still works is not over.
 */
export function failedContainer(view: JobView, pod: V1Pod): Failed | null {
  const over = taskIsOver(view, pod);
  const [first] = endedBadly(view, pod).filter(
    ({ container: { role } }) => role === "task" || (role === "beside" && over),
  );
  if (first === undefined) return null;
  const { exitStatus: exitCode } = first;
  const message = messageOf(first);
  if (ranOutOfMemory(first)) return { kind: "failed", reason: "container_oom", message, exitCode };
  return deadlineInstead(first) ?? { kind: "failed", reason: "container_exit", message, exitCode };
}

function taskIsOver({ job }: JobView, pod: V1Pod): boolean {
  if (hasEnded(pod) || isOver(job)) return true;
  return containersOf(pod).every(({ role, state }) => role !== "task" || state.terminated !== undefined);
}

function endedBadly(view: JobView, pod: V1Pod): readonly Ended[] {
  return containersOf(pod).flatMap((container) => {
    const how = container.state.terminated;
    if (how === undefined || exitStatusOf(how) === 0) return [];
    return [{ view, pod, container, how, exitStatus: exitStatusOf(how) }];
  });
}

function ranOutOfMemory({ how }: Ended): boolean {
  return how.reason === "OOMKilled";
}

/** The container's end is often seen before the Job says that its time was up. */
function deadlineInstead(ended: Ended): Failed | null {
  const { view, pod, how, exitStatus } = ended;
  const at = view.job === null ? null : deadlineOf(view.job);
  const late = at !== null && (how.finishedAt?.getTime() ?? view.nowMs) >= at - CLOCKS_MS;
  const killed = KILLED.has(exitStatus) || pod.metadata?.deletionTimestamp !== undefined;
  // A server that was away past the deadline hears of a pod that had ended before it only when it has called its Job late.
  const saidOfJob = view.job !== null && saysDeadline(view.job) && (late || at === null);
  const said = saidOfJob || pod.status?.reason === "DeadlineExceeded";
  const wasDeadline = said ? late || killed : late && killed;
  if (!wasDeadline) return null;
  return { kind: "failed", reason: "active_deadline", message: `${deadlineText(view)}; ${messageOf(ended)}` };
}

/** The same of one that ended well: its Job is called late by a controller that was away, or that counts its end only later. */
export function endedWellInTime({ job }: JobView, pod: V1Pod): boolean {
  const at = job === null ? null : deadlineOf(job);
  if (at === null || pod.status?.phase !== "Succeeded") return false;
  const main = containersOf(pod).filter(({ role }) => role === "task" || role === "beside");
  return main.every(({ state }) => (state.terminated?.finishedAt?.getTime() ?? at) < at - CLOCKS_MS);
}

export function deadlineText(view: JobView): string {
  const seconds = view.job?.spec?.activeDeadlineSeconds;
  const limit = seconds === undefined ? "" : ` of ${seconds} s`;
  return `${jobText(view)} ran longer than its active deadline${limit}`;
}

function messageOf({ view, pod, container: { name, role }, how, exitStatus }: Ended): string {
  const what = role === "init" ? "init container" : "container";
  const head = `${what} "${name}" of ${podText(view, pod)} ended with exit status ${exitStatus}`;
  const hint = signalHint(pod, exitStatus);
  return [withWords(head, reasonText(how)), hint].filter((part) => part !== "").join("; ");
}
