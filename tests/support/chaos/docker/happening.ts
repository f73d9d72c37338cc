/** What a campaign does to an engine and to what is in it: what the checker has to know of that. */

/** `terminate` stops its containers first, unless they outlive it. Pausing it (SIGSTOP) leaves them running. */
export type EngineTrouble = "kill" | "terminate" | "start" | "pause" | "resume";

/** To a task's container, by somebody who has nothing to do with it. */
export type Meddling =
  | "remove"
  | "kill"
  | "stop"
  | "rename"
  | "pause"
  | "unpause"
  /** As by `docker update --restart always` of all that runs. Podman 4.3 cannot. */
  | "restart-policy"
  /** Its containerd-shim is killed. */
  | "kill-shim";

export type Prunable = "containers" | "volumes" | "images";

export type EngineHappening =
  | { readonly kind: "engine"; readonly was: "killed" | "terminated" | "paused" | "resumed" | "started" }
  | {
      readonly kind: "meddled";
      readonly taskId: string;
      /** Its id. */
      readonly container: string;
      readonly how: Meddling;
    }
  | { readonly kind: "pruning"; readonly what: Prunable }
  /** Ids of containers, names of volumes or of images; null: the engine did not tell. */
  | { readonly kind: "pruned"; readonly what: Prunable; readonly removed: readonly string[] | null }
  | { readonly kind: "image-removed"; readonly image: string };
