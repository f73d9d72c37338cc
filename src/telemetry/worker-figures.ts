/** What the metrics tell of the worker that no event tells: asked for when they are collected. */

export interface WorkerFigures {
  readonly version: string;
  readonly backend: string;
  readonly workerId: string;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  activeTasks(): number;
  /** Messages that the control plane is not proven to have read. */
  outboxSize(): number;
  /** Of the oldest of them; 0 without any. */
  oldestUnreportedSeconds(): number;
  /** 0 while it is in memory. */
  journalBytes(): number;
  /** False: a crash would lose results. */
  journalDurable(): boolean;
  /** Calls to the engine that are made or wait to be made; null: this backend does not tell. */
  engineCalls(): number | null;
  eventLoopDelaySeconds(): number;
}
