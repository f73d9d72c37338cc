/** The marks on everything that this worker makes in an engine, by which a later one finds it again. */

export const LABELS = {
  workerId: "oz-worker-id",
  taskId: "oz-task-id",
  executionId: "oz-execution-id",
  /** The process that made it, or that has taken it over. */
  instance: "oz-instance",
  /** Enough of that process to find out whether it still lives; see ownership/owner.ts. */
  owner: "oz-owner",
  /** What it is for; see Role. */
  role: "oz-role",
  /** On a container that takes part in filling a volume: that volume. */
  fills: "oz-fills",
  /** On a task's container, and on what belongs to it: the name that it was made under. */
  container: "oz-container",
  /** On a sidecar volume, shared or private, and on the mark that a shared one is complete: one filling of it. */
  filling: "oz-filling",
  /** On the mark of an ended task's container that could not be removed: that container's id. */
  ended: "oz-ended",
} as const;

/** `private-sidecar`: a read_write sidecar's own copy, which goes with its task. */
export type Role =
  | "task"
  | "lock"
  | "filler"
  | "sidecar"
  | "sidecar-complete"
  | "private-sidecar"
  /** An empty volume: the end of the container that it is named for was reported. */
  | "reported"
  /** An empty volume; see ownership/ended-marks.ts. */
  | "ended";

export type Labels = Readonly<Record<string, string>>;

/** As the engine's list calls take it. */
export function labelFilter(name: keyof typeof LABELS, value: string): string {
  return `${LABELS[name]}=${value}`;
}
