/**
 * Where the log's lines go: straight to the descriptor, so that nothing is lost when the process dies in
 * the next line. A reader that went away costs a line; one that is there and does not read (a stalled log
 * driver, a pager) has some kept for it and loses the rest, and never holds up the worker.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";

const STDERR = 2;
/** What waits for a reader. */
const MAX_BACKLOG_BYTES = 256 * 1024;
const TRY_AGAIN_MS = 50;

export class LogOutput {
  private readonly onLost: (lines: number) => void;
  private readonly descriptor: number;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private lost = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private emptied: PromiseWithResolvers<void> | null = null;

  /** `onLost` is told how many lines nobody read, when somebody reads again. */
  constructor(onLost: (lines: number) => void, descriptor = openStderr()) {
    this.onLost = onLost;
    this.descriptor = descriptor;
  }

  readonly write = (line: string): void => {
    const bytes = Buffer.from(line);
    const taken = this.waiting.length > 0 ? 0 : this.put(bytes);
    if (taken < bytes.length) this.keep(bytes.subarray(taken));
  };

  /** Resolves when everything that was kept is written, or cannot be any more. */
  drained(): Promise<void> {
    if (this.waiting.length === 0) return Promise.resolve();
    this.emptied ??= Promise.withResolvers();
    return this.emptied.promise;
  }

  private keep(bytes: Buffer): void {
    if (this.waitingBytes + bytes.length > MAX_BACKLOG_BYTES) {
      this.lost += 1;
      return;
    }
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.tryLater();
  }

  private tryLater(): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.catchUp();
    }, TRY_AGAIN_MS);
    this.timer.unref();
  }

  private catchUp(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const taken = this.put(first);
      this.waitingBytes -= taken;
      if (taken < first.length) {
        this.waiting[0] = first.subarray(taken);
        this.tryLater();
        return;
      }
      this.waiting.shift();
    }
    const { lost } = this;
    this.lost = 0;
    if (lost > 0) this.onLost(lost);
    if (this.waiting.length > 0) return;
    this.emptied?.resolve();
    this.emptied = null;
  }

  /** How many bytes are done with: written, or never to be. */
  private put(bytes: Buffer): number {
    try {
      return writeSync(this.descriptor, bytes);
    } catch (error) {
      // EPIPE, ENOSPC…: there is no other place to complain.
      return isFull(error) ? 0 : bytes.length;
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/**
 * A pipe is opened anew, for only an open file of our own may be told not to block: agents share standard
 * error itself. Where that cannot be done the descriptor is taken as it is.
 */
function openStderr(): number {
  try {
    if (!fstatSync(STDERR).isFIFO()) return STDERR;
    return openSync(`/proc/self/fd/${STDERR}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return STDERR;
  }
}
