/**
 * Where the log's lines go: straight to the descriptor, so that nothing is lost when the process dies in
 * the next line. A reader that went away costs a line; one that is there and does not read (a stalled log
 * driver, a pager, Ctrl-S) has some kept for it and loses the rest, and never holds up the worker. Where
 * a write cannot be kept from waiting for its reader (a socket), a thread of the runtime's pool waits in it;
 * there the last lines before a sudden death may be lost.
 */
import { writeSync } from "node:fs";
import { never, pause } from "../async/wait.ts";
import { writeAside } from "../runtime/write-aside.ts";
import { type LogTarget, openLogTarget } from "./log-target.ts";
import { codeOf } from "./words-of.ts";

/** What waits for a reader; or for the pool, which takes one line for each turn of the event loop: a flood of debug lines. */
const MAX_BACKLOG_BYTES = 1024 * 1024;
const TRY_AGAIN_MS = 50;

export class LogOutput {
  private readonly onLost: (lines: number) => void;
  private readonly openTarget: () => LogTarget;
  /** Null before the first line, for which a start does not wait. */
  private opened: LogTarget | null = null;
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private lost = 0;
  private catchingUp = false;
  private emptied: PromiseWithResolvers<void> | null = null;

  /** `onLost` is told how many lines nobody read, when somebody reads again. */
  constructor(onLost: (lines: number) => void, openTarget: () => LogTarget = openLogTarget) {
    this.onLost = onLost;
    this.openTarget = openTarget;
  }

  private get target(): LogTarget {
    this.opened ??= this.openTarget();
    return this.opened;
  }

  /** For when the start is over: there may be no descriptor left when the first line comes. */
  open(): void {
    void this.target;
  }

  readonly write = (line: string): void => {
    const bytes = Buffer.from(line);
    const taken = this.target.waits || this.waiting.length > 0 ? 0 : this.put(bytes);
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
    if (!this.catchingUp) void this.catchUp();
  }

  /** One write after the other, so that the lines stay in order. Never rejects. */
  private async catchUp(): Promise<void> {
    this.catchingUp = true;
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const taken = this.target.waits ? await this.putAside(first) : this.put(first);
      this.waitingBytes -= taken;
      if (taken < first.length) {
        this.waiting[0] = first.subarray(taken);
        await pause(TRY_AGAIN_MS, never());
        continue;
      }
      this.waiting.shift();
      if (this.waiting.length === 0) this.tellLost();
    }
    this.catchingUp = false;
    this.emptied?.resolve();
    this.emptied = null;
  }

  private tellLost(): void {
    const { lost } = this;
    this.lost = 0;
    if (lost > 0) this.onLost(lost);
  }

  /** How many bytes are done with: written, or never to be. */
  private put(bytes: Buffer): number {
    try {
      return writeSync(this.target.descriptor, bytes);
    } catch (error) {
      return doneWith(bytes, error);
    }
  }

  /** The same, in a thread that may wait for as long as it takes. */
  private async putAside(bytes: Buffer): Promise<number> {
    try {
      return await writeAside(this.target.descriptor, bytes);
    } catch (error) {
      return doneWith(bytes, error);
    }
  }
}

function doneWith(bytes: Buffer, error: unknown): number {
  // EPIPE, ENOSPC…: there is no other place to complain.
  return codeOf(error) === "EAGAIN" ? 0 : bytes.length;
}
