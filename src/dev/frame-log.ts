/** Every frame that workers sent, in the order of arrival: what a test or a curious operator looks at. */
import { asObject, type JsonObject, parseJson, textOf } from "./json.ts";

export interface Frame {
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
  /** Milliseconds since the epoch, with a fraction. */
  readonly at: number;
  /** Null when the frame is not the JSON object that it should be. */
  readonly type: string | null;
  /** Empty when there is none. */
  readonly data: JsonObject;
  readonly taskId: string | null;
  readonly raw: string | Uint8Array;
}

const TERMINAL_TYPES: ReadonlySet<string | null> = new Set(["task_completed", "task_failed"]);

/** Completed or failed. A rejection is not terminal: the task stays queued. */
export function isTerminal(frame: Frame): boolean {
  return TERMINAL_TYPES.has(frame.type);
}

/** So many in the message of a wait that failed. */
const DESCRIBED = 8;

export class FrameLog {
  readonly #keep: number;
  #frames: Frame[] = [];
  #dropped = 0;

  /** The newest `keep` frames at least are kept. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  record(connection: number, raw: string | Uint8Array): Frame {
    const message = typeof raw === "string" ? asObject(parseJson(raw)) : undefined;
    const data = asObject(message?.["data"]) ?? {};
    const frame: Frame = {
      connection,
      at: performance.timeOrigin + performance.now(),
      type: textOf(message?.["type"]) ?? null,
      data,
      taskId: textOf(data["task_id"]) ?? null,
      raw,
    };
    this.#frames.push(frame);
    if (this.#frames.length > 2 * this.#keep) {
      this.#dropped += this.#frames.length - this.#keep;
      this.#frames = this.#frames.slice(-this.#keep);
    }
    return frame;
  }

  get all(): readonly Frame[] {
    return this.#frames;
  }

  terminalsOf(taskId: string): readonly Frame[] {
    return this.#frames.filter((frame) => frame.taskId === taskId && isTerminal(frame));
  }

  /** A probe that looks at each frame once, those already here included. */
  searcher(predicate: (frame: Frame) => boolean): () => Frame | undefined {
    let next = 0;
    return () => {
      for (next = Math.max(next, this.#dropped); next < this.#dropped + this.#frames.length; next++) {
        const frame = this.#frames[next - this.#dropped];
        if (frame && predicate(frame)) return frame;
      }
      return undefined;
    };
  }

  /** The last few, for the message of a wait that failed. */
  describeTail(): string {
    const tail = this.#frames
      .slice(-DESCRIBED)
      .map((frame) => `${frame.type}(${frame.taskId})#${frame.connection}`);
    return `${this.#dropped + this.#frames.length} frames so far, the last: ${tail.join(", ") || "none"}`;
  }
}
