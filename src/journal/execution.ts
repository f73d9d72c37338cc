/** What the journal remembers: executions, and frames that are owed to the far side. */

/** Enough to name an execution that this process no longer holds. */
export interface ExecutionRef {
  readonly taskId: string;
  /** Empty when the server sent none. */
  readonly executionId: string;
}

/** What a backend needs to find its task again after a restart: ids, pids, paths; plain JSON, no secrets. */
export type Handle = Readonly<Record<string, string | number | boolean | null>>;

/**
 * What stands where the handle was of an execution that ended without a report, and not because an engine has it: it was left
 * to another worker of this host, which passes its cancellation on, too.
 */
export const LEFT: Handle = { left: true };
/** The same, and another worker has taken it: wherever that one is, this one has nothing to do with it any more. */
export const TAKEN: Handle = { taken: true };

export interface Execution extends ExecutionRef {
  /** Null until the backend saved one. */
  readonly handle: Handle | null;
  /** ms since 1970. */
  readonly claimedAt: number;
  readonly ended: boolean;
  /** ms since 1970; absent while it runs. */
  readonly endedAt?: number;
  /** The frame that reported its end; null while it runs and for a task handed off. */
  readonly terminal: string | null;
  /** Its user does not want it any more, and that has not come to its end yet. */
  readonly cancelled: boolean;
}

/** A frame that is kept until the far side is proven to have read it. */
export interface StoredFrame {
  readonly seq: number;
  readonly frame: string;
}
