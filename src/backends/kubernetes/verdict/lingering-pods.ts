/**
 * What follows from pods that are to go and do not, because their node is lost. From Kubernetes 1.31 on a Job that
 * the cluster has given up, for its deadline or its pod, says that it has failed only when all its pods have ended.
 */
import type { V1Job } from "@kubernetes/client-node";
import { hasEnded } from "./containers.ts";
import { deadlineText } from "./ended-containers.ts";
import { failureTargetOf, isFinished } from "./job-condition.ts";
import type { JobView, Verdict } from "./view.ts";
import { jobText, podText, reasonText, withWords } from "./words.ts";

/** Beyond the pod's own grace, which is over at its deletionTimestamp: for the kill, and for a kubelet that is busy. */
const MARGIN_MS = 60_000;

export function lingering(view: JobView, job: V1Job): Verdict | null {
  const decided = failureTargetOf(job);
  const left = view.pods.filter((pod) => !hasEnded(pod));
  const [first] = left;
  if (decided === null || isFinished(job) || first === undefined) return null;
  const due = left.map(({ metadata }) => metadata?.deletionTimestamp?.getTime() ?? Number.POSITIVE_INFINITY);
  const lateMs = view.nowMs - Math.max(...due);
  if (lateMs === Number.NEGATIVE_INFINITY) return null;
  if (lateMs < MARGIN_MS) return { kind: "running", recheckInMs: MARGIN_MS - lateMs };
  if (view.events === null) return { kind: "running", needsEvents: true };
  const isDeadline = decided.reason === "DeadlineExceeded";
  const head = isDeadline ? deadlineText(view) : `${jobText(view)} failed`;
  const node = first.spec?.nodeName ?? "";
  const where = node === "" ? "its node" : `node "${node}"`;
  const stuck = `${podText(view, first)} is still there ${Math.round(lateMs / 1000)} s after its grace period: ${where} may be lost, and what ran there may still run`;
  const message = `${withWords(head, reasonText(decided))}; ${stuck}`;
  return { kind: "failed", reason: isDeadline ? "active_deadline" : "job_failed", message };
}
