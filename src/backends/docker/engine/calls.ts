/** One call to the engine's API: path and query in, its answer or its error out. */

/** A body that is read as it comes, with backpressure. Cancelled by leaving the loop or by the signal. */
export type ByteStream = AsyncIterable<Uint8Array>;

export type QueryValue = string | number | boolean | undefined;

export interface CallOptions {
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: object;
  /** Sent as a tar archive. */
  readonly bytes?: Uint8Array | ByteStream;
  /** For the whole call; null: as long as it takes. Left out: QUICK_CALL_MS. */
  readonly limitMs?: number | null;
}

export interface CallResult {
  readonly status: number;
  readonly header: (name: string) => string;
  readonly body: ByteStream;
}

export interface Calls {
  /** The parsed answer; null for an empty one. @throws EngineError for 4xx and 5xx, EngineGone */
  json(method: string, path: string, options: CallOptions, signal: AbortSignal): Promise<unknown>;
  /** The answer as it comes. @throws EngineError for 4xx and 5xx, EngineGone (from the body too) */
  stream(method: string, path: string, options: CallOptions, signal: AbortSignal): Promise<CallResult>;
}
