/** A pod's containers as one list: what each is for, and what state it is in. */
import type { V1ContainerState, V1ContainerStateTerminated, V1Pod } from "@kubernetes/client-node";
import { TASK_CONTAINER } from "../job/pod-template.ts";

export interface ContainerView {
  readonly name: string;
  /** `sidecar`: an init container that goes on beside the others, so that its end says nothing. */
  readonly role: "task" | "beside" | "init" | "sidecar";
  readonly state: V1ContainerState;
}

/** Init containers first, then `task`, then the others; the first that failed is why the pod did. */
export function containersOf(pod: V1Pod): readonly ContainerView[] {
  const lasting = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map(({ name }) => name),
  );
  const init = (pod.status?.initContainerStatuses ?? []).map(
    ({ name, state }): ContainerView => ({
      name,
      role: lasting.has(name) ? "sidecar" : "init",
      state: state ?? {},
    }),
  );
  const main = (pod.status?.containerStatuses ?? []).map(
    ({ name, state }): ContainerView => ({
      name,
      role: name === TASK_CONTAINER ? "task" : "beside",
      state: state ?? {},
    }),
  );
  return [
    ...init,
    ...main.filter(({ role }) => role === "task"),
    ...main.filter(({ role }) => role !== "task"),
  ];
}

/** 128+signal for a signal, whichever way the runtime tells it. A status that is not there is 0, as it is to the API's own types. */
export function exitStatusOf({ exitCode = 0, signal }: Partial<V1ContainerStateTerminated>): number {
  if (exitCode !== 0) return exitCode;
  return signal !== undefined && signal > 0 ? 128 + signal : 0;
}

export function hasEnded(pod: V1Pod): boolean {
  return pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
}

/** Its agent runs, or may begin. */
export function isAtWork(pod: V1Pod): boolean {
  if (hasEnded(pod) || pod.metadata?.deletionTimestamp !== undefined) return false;
  return containersOf(pod).every(({ role, state: { terminated } }) => {
    if (terminated === undefined || role === "beside" || role === "sidecar") return true;
    return role === "init" && exitStatusOf(terminated) === 0;
  });
}
