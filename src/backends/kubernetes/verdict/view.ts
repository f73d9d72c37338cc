/** What is known of a task's Job at one moment, and what follows from it. */
import type { CoreV1Event, V1Job, V1Pod } from "@kubernetes/client-node";
import type { FailureReason } from "../../../protocol/failure-reason.ts";

export interface JobView {
  readonly jobName: string;
  readonly namespace: string;
  /** Null: it was there, and it is gone. */
  readonly job: V1Job | null;
  /** Those that are there. */
  readonly pods: readonly V1Pod[];
  /** Those that are gone, as they last were. */
  readonly formerPods: readonly V1Pod[];
  /**
   * Of the Job and its pods. Null: not asked for, as long as no verdict wants them. When they are
   * given, the pods too have just been read from the API server, not from a watch that may lag.
   */
  readonly events: readonly CoreV1Event[] | null;
  /** By the cluster's clock. */
  readonly nowMs: number;
  /** Since when all that its pods need is there, by the cluster's clock; 0: since before they were. */
  readonly readySinceMs: number;
  /** Null: never given up. */
  readonly unschedulableTimeoutMs: number | null;
}

export function podsEver({ pods, formerPods }: JobView): readonly V1Pod[] {
  return [...formerPods, ...pods];
}

export type Verdict =
  | {
      readonly kind: "running";
      /** Without any news, something may follow from the time alone after this long. */
      readonly recheckInMs?: number;
      /** True: read pods and events from the API server, and classify again with them, now. */
      readonly needsEvents?: boolean;
    }
  | { readonly kind: "succeeded" }
  | Failed;

export interface Failed {
  readonly kind: "failed";
  readonly reason: FailureReason;
  readonly message: string;
  /** The container's own, 128+signal. */
  readonly exitCode?: number;
  /** What is on its way may say otherwise: it is to be believed only when it has lasted so long. */
  readonly believedAfterMs?: number;
}
