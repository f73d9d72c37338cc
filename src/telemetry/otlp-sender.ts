/**
 * Brings bytes to a collector, again and again while that makes sense. The SDK's own transports would
 * go on trying while the worker stops, bring node:http into the process, which costs an idle worker
 * 6 MB, and look for their gRPC library in a way that finds nothing in a compiled file.
 */
import { pause } from "../async/wait.ts";

const FIRST_PAUSE_MS = 1_000;
const PAUSES_GROW_BY = 1.5;
const LONGEST_PAUSE_MS = 5_000;
/** One that has less time than this may help, but mostly says that its time was over, and not what is wrong. */
const TELLING_MS = 500;

export type Attempt =
  | { readonly kind: "taken"; readonly answer: Uint8Array }
  | {
      readonly kind: "failed";
      readonly why: string;
      /** Another try may do. */
      readonly again: boolean;
      /** What the collector asked for; null: nothing. */
      readonly waitMs: number | null;
    };

/** One way to a collector. */
export interface OtlpWay {
  /** Never rejects. */
  attempt(bytes: Uint8Array, timeoutMs: number): Promise<Attempt>;
  close(): void;
}

export class OtlpSender {
  private readonly way: OtlpWay;
  /** For all attempts together. */
  private readonly timeoutMs: number;
  private readonly stopping = new AbortController();

  constructor(way: OtlpWay, timeoutMs: number) {
    this.way = way;
    this.timeoutMs = timeoutMs;
  }

  /** The collector's answer. Rejects with what it said, or with why there is none. */
  async send(bytes: Uint8Array): Promise<Uint8Array> {
    const deadline = performance.now() + this.timeoutMs;
    let why: string | null = null;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSES_GROW_BY)) {
      const leftMs = Math.max(1, Math.ceil(deadline - performance.now()));
      const attempt = await this.way.attempt(bytes, leftMs);
      if (attempt.kind === "taken") return attempt.answer;
      if (why === null || !attempt.again || leftMs >= TELLING_MS) why = attempt.why;
      const waitMs = attempt.waitMs ?? pauseMs * (0.8 + 0.4 * Math.random());
      const late = performance.now() + waitMs >= deadline;
      if (!attempt.again || late || this.stopping.signal.aborted) throw new Error(why);
      // Woken by the stop there is time for one more try, and for no more.
      await pause(waitMs, this.stopping.signal);
    }
  }

  /** From now on each is tried once. */
  hurry(): void {
    this.stopping.abort();
  }

  close(): void {
    this.way.close();
  }
}
