/**
 * What this daemon runs and has not yet reported, on disk before it is acted upon, so that SIGKILL at
 * any point leaves enough for the next daemon to end every claimed task in one true message.
 *
 * When the disk fails (full, read-only, gone) the same tables go on in memory and tasks run and are
 * reported as before; only a crash in that time would lose them. The disk is tried again.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { openMemoryDatabase } from "./database.ts";
import type { Execution, ExecutionRef, Handle, StoredFrame } from "./execution.ts";
import { copyRows } from "./schema.ts";
import { Statements } from "./statements.ts";
import { WallClock } from "./wall-clock.ts";

/** How long an ended execution is remembered, so that a late redelivery does not run it again. */
const REMEMBER_MS = 24 * 60 * 60 * 1000;
const PRUNE_EVERY_MS = 10 * 60 * 1000;
const RETRY_DISK_MS = 10_000;
/** Whether the journal is still where a successor will look: at a claim and an end, and while there is neither. */
const LOOK_AT_MOST_EVERY_MS = 10;
const LOOK_EVERY_MS = 60_000;
/** Under load the next task's own write comes first, and saves one of its own. */
const WRITE_DELIVERED_MS = 5;

const IN_MEMORY = "journal cannot be written: going on in memory, a crash would now lose results";

/** What a journal is written to. */
export interface Disk {
  readonly database: DatabaseSync;
  /** False: somebody removed it, and what is written there will never be found. */
  isThere(): boolean;
  /** `database` is another one from now on, new and empty. Throws what the file system says. */
  moveToNew(): void;
}

export class Journal implements Disposable {
  private readonly log: Logger;
  private readonly disk: Disk | null;
  private readonly rememberHandedOffMs: number;
  private readonly clock = new WallClock();
  private statements: Statements;
  private onDisk: boolean;
  /** It could not even be read when it was left: what is there is known to nobody here. */
  private unread = false;
  /** Frames up to this one were read, whatever was written of that. */
  private deliveredUpTo = 0;
  private retryTimer: ReturnType<typeof setInterval> | null = null;
  private prunedAt = 0;
  private deliveredTimer: ReturnType<typeof setTimeout> | null = null;
  private lookTimer: ReturnType<typeof setInterval> | null = null;
  private lookedAt = performance.now();

  /**
   * `disk` is its owner's to close. Null: nothing survives this process; the caller has told the operator. A task handed off
   * may be remembered longer than others, because a cancellation may come while its runtime has it.
   */
  constructor(disk: Disk | null, log: Logger, rememberHandedOffMs = REMEMBER_MS) {
    this.log = log;
    this.disk = disk;
    this.rememberHandedOffMs = Math.max(rememberHandedOffMs, REMEMBER_MS);
    this.onDisk = disk !== null;
    this.statements = new Statements(disk?.database ?? openMemoryDatabase());
    if (disk === null) return;
    this.lookTimer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.lookTimer.unref();
  }

  /** True while a crash of this process would lose nothing. */
  get durable(): boolean {
    return this.onDisk;
  }

  find(ref: ExecutionRef): Execution | null {
    return this.attempt((statements) => statements.find(ref));
  }

  running(): Execution[] {
    return this.attempt((statements) => statements.running());
  }

  /** The executions of this task that somebody else runs, oldest first. */
  handedOff(taskId: string): Execution[] {
    return this.attempt((statements) => statements.handedOff(taskId));
  }

  /** Of all tasks, those that somebody else runs and was being told to give up. */
  beingCancelled(): Execution[] {
    return this.attempt((statements) => statements.beingCancelled());
  }

  /** Oldest first. */
  undelivered(): StoredFrame[] {
    return this.attempt((statements) => statements.undelivered());
  }

  /** The execution runs from now on, to be found by `handle`, and `frame` (its claim) is owed to the far side. */
  claim(ref: ExecutionRef, frame: string, handle: Handle | null = null): StoredFrame {
    this.lookAround();
    this.prune();
    const json = handle === null ? null : JSON.stringify(handle);
    return this.attempt((statements) => statements.claim(ref, json, frame, Date.now()));
  }

  saveHandle(ref: ExecutionRef, handle: Handle): void {
    this.attempt((statements) => statements.saveHandle(ref, JSON.stringify(handle)));
  }

  /** Its user does not want it any more: whoever comes after a crash has to go on with that. */
  noteCancellation(ref: ExecutionRef): void {
    this.attempt((statements) => statements.setCancelled(ref, Date.now()));
  }

  /** Nobody goes on with it: it failed, and its user can ask again. */
  dropCancellation(ref: ExecutionRef): void {
    this.attempt((statements) => statements.setCancelled(ref, null));
  }

  /** It ended; `frame` (null for a task handed off) is owed to the far side. `handle`: what is to be known of it from now on. */
  end(ref: ExecutionRef, frame: string | null, handle: Handle | null = null): StoredFrame | null {
    this.lookAround();
    const json = handle === null ? null : JSON.stringify(handle);
    return this.attempt((statements) => statements.end(ref, frame, Date.now(), json));
  }

  /** Whether the same words are to be delivered yet, or are not proven to have been read. */
  isOwed(frame: string): boolean {
    return this.attempt((statements) => statements.isOwed(frame));
  }

  owe(frame: string): StoredFrame {
    return this.attempt((statements) => statements.owe(frame));
  }

  /**
   * Everything up to this one is proven to have been read. It is written with whatever is written
   * next, or in a moment: a crash before that repeats a message, and never loses one.
   */
  delivered(seq: number): void {
    this.deliveredUpTo = seq;
    this.statements.removableUpTo = seq;
    this.deliveredTimer ??= setTimeout(() => this.writeDelivered(), WRITE_DELIVERED_MS);
  }

  [Symbol.dispose](): void {
    if (this.retryTimer !== null) clearInterval(this.retryTimer);
    if (this.lookTimer !== null) clearInterval(this.lookTimer);
    if (this.deliveredTimer !== null) clearTimeout(this.deliveredTimer);
    this.writeDelivered();
    if (!this.onDisk) this.returnToDisk();
  }

  private writeDelivered(): void {
    this.deliveredTimer = null;
    this.attempt((statements) => statements.writeDelivered());
  }

  /**
   * After a step of three days an execution that had just ended ran once more when it was delivered again, and the next
   * worker ended a task that had run for seconds, for its time was up.
   */
  private followClock(): void {
    const jump = this.clock.takeJump();
    if (jump === null) return;
    const { byMs, fromMs } = jump;
    this.attempt((statements) => statements.moveTimes(byMs, fromMs, fromMs - this.rememberHandedOffMs));
    this.log.info("the clock was set, or the host slept: the ages of tasks do not change by that", {
      seconds: Math.round(byMs / 1_000),
    });
  }

  private prune(): void {
    const now = Date.now();
    // A clock that was set back may need years to come to that moment again.
    if (Math.abs(now - this.prunedAt) < PRUNE_EVERY_MS) return;
    this.prunedAt = now;
    this.attempt((statements) =>
      statements.forgetEndedBefore(now - REMEMBER_MS, now - this.rememberHandedOffMs),
    );
  }

  private attempt<T>(work: (statements: Statements) => T): T {
    try {
      return work(this.statements);
    } catch (error) {
      if (!this.onDisk) throw error;
      this.log.warn(IN_MEMORY, { error: wordsOf(error) });
      this.leaveDisk();
      return work(this.statements);
    }
  }

  /** At the clock and the disk. Costs a task a few microseconds, and those of a rush nothing. */
  private lookAround(): void {
    this.followClock();
    if (performance.now() - this.lookedAt > LOOK_AT_MOST_EVERY_MS) this.look();
  }

  private look(): void {
    this.lookedAt = performance.now();
    this.followClock();
    if (!this.onDisk || this.disk === null || this.disk.isThere()) return;
    this.log.warn("journal was removed or replaced under the worker: going on in a new one", {
      hint: "keep state_dir where nobody cleans up",
    });
    this.leaveDisk();
    const error = this.returnToDisk();
    if (error !== null) this.log.warn(IN_MEMORY, { error });
  }

  private leaveDisk(): void {
    this.onDisk = false;
    const memory = openMemoryDatabase();
    try {
      if (this.disk !== null) copyRows(this.disk.database, memory);
    } catch {
      // The tasks that it holds are in the scheduler all the same, and its frames in the outbox.
      this.unread = true;
    }
    this.statements = new Statements(memory, this.statements);
    this.retryTimer = setInterval(() => this.returnToDisk(), RETRY_DISK_MS);
    this.retryTimer.unref();
  }

  /** @returns why not; null: it is there */
  private returnToDisk(): string | null {
    if (this.disk === null) return null;
    try {
      if (!this.disk.isThere()) this.disk.moveToNew();
      if (this.unread) this.readAtLast(this.disk);
      const disk = new Statements(this.disk.database, this.statements);
      disk.replaceAll(this.statements);
      this.statements = disk;
    } catch (error) {
      return wordsOf(error); // still full: the next turn tries again
    }
    this.onDisk = true;
    if (this.retryTimer !== null) clearInterval(this.retryTimer);
    this.log.info("journal is on disk again");
    return null;
  }

  /** Or it would be replaced by what little was written since, and a restart would not tell what was not delivered yet. */
  private readAtLast({ database }: Disk): void {
    this.statements.addFrom(database);
    this.statements.removableUpTo = this.deliveredUpTo;
    this.unread = false;
  }
}
