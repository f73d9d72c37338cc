/** What the journal keeps of a Kubernetes task, to find its Job again. */
import type { Handle } from "../../../journal/execution.ts";

export interface JobHandle {
  readonly namespace: string;
  readonly job: string;
  /** Null before the API server had taken the Job. */
  readonly uid: string | null;
  /** False while its Secret may be missing, without which it cannot run. */
  readonly ready: boolean;
  /** The `oz-instance` that it carries, or will in a moment. */
  readonly instance: string;
  /** The one that it carried before, while that is being changed. */
  readonly formerInstance: string | null;
  /** Why it is being deleted; null: it is not. */
  readonly stopping: StoppedBy | null;
}

export type StoppedBy = "cancelled" | "timeout";

export function writeHandle(handle: JobHandle): Handle {
  return { ...handle };
}

/** Null for a handle of another backend or of a version that wrote other fields. */
export function readHandle(handle: Handle | null): JobHandle | null {
  if (handle === null) return null;
  const { namespace, job, uid, ready, instance, formerInstance, stopping } = handle;
  if (typeof namespace !== "string" || typeof job !== "string" || typeof instance !== "string") return null;
  return {
    namespace,
    job,
    uid: typeof uid === "string" ? uid : null,
    ready: ready === true,
    instance,
    formerInstance: typeof formerInstance === "string" ? formerInstance : null,
    stopping: stopping === "cancelled" || stopping === "timeout" ? stopping : null,
  };
}
