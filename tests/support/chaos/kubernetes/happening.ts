/** What a campaign does to a cluster, and to the way to it: what the checker has to know of that. */

/** Of all connections between the workers and the API server: nobody there, or nothing that comes through. */
export type ApiTrouble = "leave" | "return" | "freeze" | "cut-frozen" | "thaw" | "cut";

/** With a task's Job or pod, by somebody who has nothing to do with it. */
export type Interference =
  | "delete-job"
  /** With its grace period. */
  | "delete-pod"
  /** Without: the cluster forgets it before it has ended. */
  | "force-pod"
  /** As a queue does. */
  | "suspend"
  | "resume";

/** One that all campaigns and all of the cluster share. */
export type ClusterProgram = "kube-apiserver" | "kubelet";

/** It stands still until it goes on. */
export type Stall = "stop" | "continue";

export type ClusterHappening =
  | { readonly kind: "stalled"; readonly program: ClusterProgram; readonly how: Stall }
  | { readonly kind: "api"; readonly trouble: ApiTrouble }
  /** Or was begun: what was not there at the moment had nothing done to it. */
  | { readonly kind: "interfered"; readonly taskId: string; readonly how: Interference };
