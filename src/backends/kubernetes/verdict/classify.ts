/**
 * What a Job and its pods say of the task: it runs, it ended well, or why it failed. Pure. The first
 * rule that finds a failure decides; the order is the control plane's.
 */
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { hasEnded } from "./containers.ts";
import { deadlineText, endedWellInTime, failedContainer, failedInitContainer } from "./ended-containers.ts";
import { failureOf, isComplete, isOver } from "./job-condition.ts";
import { lingering } from "./lingering-pods.ts";
import { podless, unmountable, unschedulable } from "./pending-pods.ts";
import { type JobView, podsEver, type Verdict } from "./view.ts";
import { stuckContainer } from "./waiting-containers.ts";
import { jobText, outsideHint, podText, reasonText, withWords } from "./words.ts";

/**
 * A kubelet that could not reach the API server tells of its pods within 10 s of that one's return, and a watch is mostly
 * opened again as soon. An agent of which nothing has been heard by then had not ended in time.
 */
const UNHEARD_MS = 20_000;

/** Null: it says nothing. `running`: it may say something later. */
type Rule = (view: JobView) => readonly (Verdict | null)[];

const RULES: readonly Rule[] = [
  ofPods(evicted),
  ofPods(failedInitContainer),
  ofWaitingPods(stuckContainer),
  ofPods(failedContainer),
  ofWaitingPods(unschedulable),
  ofWaitingPods(unmountable),
  (view) => [view.job === null ? null : outOfTime(view, view.job)],
  ofPods(podOutOfTime),
  (view) => [view.job === null ? gone(view) : (podless(view, view.job) ?? failedOtherwise(view, view.job))],
  (view) => [view.job === null ? null : lingering(view, view.job)],
];

export function classify(view: JobView): Verdict {
  if (view.job !== null && isComplete(view.job)) return { kind: "succeeded" };
  let recheckInMs: number | undefined;
  let needsEvents = false;
  for (const verdict of RULES.flatMap((rule) => rule(view))) {
    if (verdict === null) continue;
    if (verdict.kind !== "running") return verdict;
    needsEvents ||= verdict.needsEvents === true;
    recheckInMs = Math.min(
      recheckInMs ?? Number.POSITIVE_INFINITY,
      verdict.recheckInMs ?? Number.POSITIVE_INFINITY,
    );
  }
  return {
    kind: "running",
    ...(recheckInMs !== undefined && Number.isFinite(recheckInMs) ? { recheckInMs } : {}),
    ...(needsEvents ? { needsEvents } : {}),
  };
}

type PodRule = (view: JobView, pod: V1Pod) => Verdict | null;

function ofPods(rule: PodRule): Rule {
  return (view) => podsEver(view).map((pod) => rule(view, pod));
}

/**
 * A pod that is gone waits for nothing any more, and its Job may get another one: a queue had suspended it. Of a Job
 * that is over, what its pod waited for last may be why.
 */
function ofWaitingPods(rule: PodRule): Rule {
  return (view) => (isOver(view.job) ? podsEver(view) : view.pods).map((pod) => rule(view, pod));
}

function evicted(view: JobView, pod: V1Pod): Verdict | null {
  if (pod.status?.reason !== "Evicted") return null;
  const message = withWords(`the cluster evicted ${podText(view, pod)}`, reasonText(pod.status));
  return { kind: "failed", reason: "evicted", message };
}

function outOfTime(view: JobView, job: V1Job): Verdict | null {
  const failure = failureOf(job);
  if (failure?.reason !== "DeadlineExceeded") return null;
  const pods = podsEver(view);
  if (pods.some((pod) => endedWellInTime(view, pod))) return { kind: "succeeded" };
  // The watch of Jobs may be ahead of that of pods.
  if (pods.length === 0 && view.events === null) return { kind: "running", needsEvents: true };
  const message = withWords(deadlineText(view), reasonText(failure));
  const failed = { kind: "failed", reason: "active_deadline", message } as const;
  return view.pods.every(hasEnded) ? failed : { ...failed, believedAfterMs: UNHEARD_MS };
}

/** The template may give the pod a deadline of its own. */
function podOutOfTime(view: JobView, pod: V1Pod): Verdict | null {
  if (pod.status?.reason !== "DeadlineExceeded" || !hasEnded(pod)) return null;
  const head = `${podText(view, pod)} ran longer than its active deadline`;
  const message = withWords(head, reasonText(pod.status));
  return { kind: "failed", reason: "active_deadline", message };
}

/** Only what was just read decides here: a watch may show the Job's failure before the pod's. */
function failedOtherwise(view: JobView, job: V1Job): Verdict | null {
  const failure = failureOf(job);
  if (failure === null) return null;
  if (view.events === null) return { kind: "running", needsEvents: true };
  const pods = podsEver(view).flatMap((pod) => {
    return [withWords(podText(view, pod), reasonText(pod.status ?? {})), outsideHint(pod)];
  });
  const parts = [withWords(`${jobText(view)} failed`, reasonText(failure)), ...pods];
  const message = parts.filter((part) => part !== "").join("; ");
  return { kind: "failed", reason: "job_failed", message };
}

function gone(view: JobView): Verdict {
  if (podsEver(view).some((pod) => pod.status?.phase === "Succeeded")) return { kind: "succeeded" };
  const head = `${jobText(view)} is gone`;
  const message = `${head}: somebody deleted it, or its time to live ran out before its result was read`;
  return { kind: "failed", reason: "job_failed", message };
}
