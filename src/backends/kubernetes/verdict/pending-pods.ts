/** What follows from pods that get no node or no volumes, and from a Job that gets no pod. */
import type { CoreV1Event, V1Job, V1Pod, V1PodCondition } from "@kubernetes/client-node";
import { timeOf } from "../client/api-time.ts";
import { isAbout } from "./event-subject.ts";
import { isFinished, isOver, isSuspended, startOf } from "./job-condition.ts";
import type { JobView, Verdict } from "./view.ts";
import { jobText, podText, reasonText, withWords } from "./words.ts";

/** Most pods are past their volumes by then, so that an ordinary task costs no look at the events. */
const FIRST_LOOK_MS = 5000;
const LONGEST_PAUSE_MS = 60_000;

/** Volumes whose content the kubelet has not fetched yet fail once or twice as a matter of course. */
const LASTING_MS = 4000;
const SURELY_LASTING_MS = 10_000;

export function unschedulable(view: JobView, pod: V1Pod): Verdict | null {
  const scheduled = conditionOf(pod, "PodScheduled");
  if (scheduled?.status !== "False" || scheduled.reason !== "Unschedulable") return null;
  if (view.unschedulableTimeoutMs === null) return null;
  const since = scheduled.lastTransitionTime?.getTime() ?? beginningOf(pod, view);
  const leftMs = since + view.unschedulableTimeoutMs - view.nowMs;
  if (leftMs > 0) return { kind: "running", recheckInMs: leftMs };
  // It may have got one meanwhile: a watch may have gone silent, or this process have been frozen. What is over has no
  // news to come.
  if (view.events === null && !isOver(view.job)) return { kind: "running", needsEvents: true };
  const head = `no node takes ${podText(view, pod)} since ${Math.round((view.nowMs - since) / 1000)} s`;
  return { kind: "failed", reason: "unschedulable", message: withWords(head, reasonText(scheduled)) };
}

export function unmountable(view: JobView, pod: V1Pod): Verdict | null {
  const phase = pod.status?.phase;
  if (phase !== "Failed" && !(phase === "Pending" && waitsForVolumes(pod))) return null;
  const event = view.events?.find((one) => one.reason === "FailedMount" && isAbout(one, pod.metadata));
  if (event !== undefined && (phase === "Failed" || isLasting(event, beginningOf(pod, view), view.nowMs))) {
    const head = `a volume of ${podText(view, pod)} cannot be mounted`;
    return { kind: "failed", reason: "volume_mount", message: withWords(head, reasonText(event)) };
  }
  // A pod that has failed is looked at with its events when its Job has.
  if (phase === "Failed") return null;
  if (event !== undefined) return { kind: "running", recheckInMs: LASTING_MS };
  const since = conditionOf(pod, "PodScheduled")?.lastTransitionTime?.getTime() ?? beginningOf(pod, view);
  return lookAtEvents(view, since);
}

/** A quota or an admission plugin may refuse the pod of a Job that was itself accepted. */
export function podless(view: JobView, job: V1Job): Verdict | null {
  if (view.pods.length > 0 || isFinished(job) || isSuspended(job)) return null;
  const since = startOf(job) ?? view.nowMs;
  const event = view.events?.find((one) => {
    const isRefusal = one.reason === "FailedCreate" && isAbout(one, job.metadata);
    return isRefusal && !view.formerPods.some((pod) => wasMadeAfter(pod, one, view.nowMs));
  });
  if (event === undefined) return lookAtEvents(view, since);
  // The controller tries again by itself, so it gets the time that a pod gets to find a node.
  if (view.unschedulableTimeoutMs === null) return null;
  const leftMs = since + view.unschedulableTimeoutMs - view.nowMs;
  if (leftMs > 0) return { kind: "running", recheckInMs: leftMs };
  const head = `the cluster creates no pod for ${jobText(view)}`;
  return { kind: "failed", reason: "job_create", message: withWords(head, reasonText(event)) };
}

/** What was refused then was taken later. */
function wasMadeAfter({ metadata }: V1Pod, event: CoreV1Event, nowMs: number): boolean {
  return (metadata?.creationTimestamp?.getTime() ?? 0) >= timesOf(event, nowMs).last;
}

/** Soon the first time, then ever more seldom. */
function lookAtEvents({ nowMs, events }: JobView, sinceMs: number): Verdict {
  const ageMs = nowMs - sinceMs;
  if (ageMs < FIRST_LOOK_MS) return { kind: "running", recheckInMs: FIRST_LOOK_MS - ageMs };
  if (events === null) return { kind: "running", needsEvents: true };
  return { kind: "running", recheckInMs: Math.min(Math.max(ageMs / 2, FIRST_LOOK_MS), LONGEST_PAUSE_MS) };
}

/** For what does not say since when it is as it is: since it is there, or else since it is followed. */
function beginningOf({ metadata }: V1Pod, { readySinceMs, nowMs }: JobView): number {
  return metadata?.creationTimestamp?.getTime() ?? (readySinceMs > 0 ? readySinceMs : nowMs);
}

/** Scheduled, as far as is said, and not yet so far that its containers can be started, which comes after its volumes. */
function waitsForVolumes(pod: V1Pod): boolean {
  const scheduled = conditionOf(pod, "PodScheduled")?.status !== "False";
  return scheduled && conditionOf(pod, "PodReadyToStartContainers")?.status !== "True" && !hasStarted(pod);
}

/** For kubelets that do not set that condition. */
function hasStarted({ status }: V1Pod): boolean {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return all.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined);
}

/** `sinceMs`: for one that does not say when it was. */
function isLasting(event: CoreV1Event, sinceMs: number, nowMs: number): boolean {
  const { first, last } = timesOf(event, sinceMs);
  return last - first >= LASTING_MS || nowMs - first >= SURELY_LASTING_MS;
}

/** When it was first seen and last; of one that does not say, `otherwiseMs`. */
function timesOf({ firstTimestamp, lastTimestamp, eventTime, series }: CoreV1Event, otherwiseMs: number) {
  const first = timeOf(firstTimestamp ?? eventTime) ?? otherwiseMs;
  return { first, last: timeOf(series?.lastObservedTime ?? lastTimestamp ?? eventTime) ?? first };
}

function conditionOf({ status }: V1Pod, type: string): V1PodCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
