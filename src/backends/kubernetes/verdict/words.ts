/** The sentences of a verdict: which pod and Job, and the cluster's own words. */
import type { V1Pod, V1PodCondition } from "@kubernetes/client-node";
import { SIGKILLED, SIGTERMED } from "../../../process/how-it-ended.ts";
import type { JobView } from "./view.ts";

/** `pod "p" of Job "j" in namespace "n" (phase Failed)` */
export function podText(view: JobView, pod: V1Pod): string {
  const name = pod.metadata?.name ?? "";
  return `pod "${name}" of ${jobText(view)} (phase ${pod.status?.phase ?? "unknown"})`;
}

/** `Job "j" in namespace "n"` */
export function jobText({ jobName, namespace }: JobView): string {
  return `Job "${jobName}" in namespace "${namespace}"`;
}

/** `Reason: message`, or what there is of the two. */
export function reasonText(said: {
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}): string {
  const parts = [said.reason, said.message].map((part) => part?.trim() ?? "");
  return parts.filter((part) => part !== "").join(": ");
}

/** `head: words`, or the head alone. */
export function withWords(head: string, words: string): string {
  return words === "" ? head : `${head}: ${words}`;
}

const SIGTERM_HINT =
  "it was asked to end (SIGTERM): an eviction, a preemption, the drain of its node or a deadline does that";
/** By SIGKILL, by SIGTERM. */
export const KILLED: ReadonlySet<number> = new Set([SIGKILLED, SIGTERMED]);
const DELETED_HINT =
  "its pod was being deleted: somebody's hand, the drain of its node or a Job that is suspended does that";

/** What an exit status says beside its number; empty when nothing. */
export function signalHint(pod: V1Pod, exitStatus: number): string {
  const outside = outsideHint(pod);
  if (outside !== "" && (isDisrupted(pod) || KILLED.has(exitStatus))) return outside;
  return exitStatus === SIGTERMED ? SIGTERM_HINT : "";
}

/** What the pod itself says of who ended it from outside; empty when nobody did. */
export function outsideHint(pod: V1Pod): string {
  const disruption = disruptionOf(pod);
  if (disruption !== undefined) return `the pod was disrupted: ${reasonText(disruption)}`;
  return pod.metadata?.deletionTimestamp === undefined ? "" : DELETED_HINT;
}

function isDisrupted(pod: V1Pod): boolean {
  return disruptionOf(pod) !== undefined;
}

function disruptionOf({ status }: V1Pod): V1PodCondition | undefined {
  const said = status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  return said?.status === "True" ? said : undefined;
}
