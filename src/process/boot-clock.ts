/** The time in the unit of a process's start, for who asks often: the file of it is opened once. */
import { closeSync, openSync, readSync } from "node:fs";
import { startedAtIn, startedAtNow } from "./process-table.ts";

const ANSWER_BYTES = 64;

export class BootClock implements Disposable {
  /** Null until it was asked for. */
  private descriptor: number | null = null;
  private readonly answer = Buffer.alloc(ANSWER_BYTES);

  /** As `startedAtNow`. */
  now(): number {
    try {
      this.descriptor ??= openSync("/proc/uptime", "r");
      const bytes = readSync(this.descriptor, this.answer, 0, ANSWER_BYTES, 0);
      return startedAtIn(this.answer.toString("latin1", 0, bytes));
    } catch {
      return startedAtNow();
    }
  }

  [Symbol.dispose](): void {
    if (this.descriptor !== null) closeSync(this.descriptor);
    this.descriptor = null;
  }
}
