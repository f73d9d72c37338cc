/** A way out for metrics or traces that is open. */

export interface Pipeline {
  /** Sends what is left and lets go; bounded by whoever waits. Never rejects. */
  close(): Promise<void>;
}

/** One that exports by itself, and when it is asked to. */
export interface PushPipeline extends Pipeline {
  /** Never rejects. */
  exportNow(): Promise<void>;
}

export const CLOSED: Pipeline = { close: async () => {} };
