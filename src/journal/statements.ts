/** The journal's queries over one database, on disk or in memory. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Execution, ExecutionRef, StoredFrame } from "./execution.ts";
import { copyRows, EXECUTION_COLUMNS, INSERT_EXECUTION } from "./schema.ts";

export class Statements {
  /** Numbers are given here and not by the database, so that a change of database keeps their order. */
  lastSeq: number;
  /** Frames up to this one were read, and are to be taken out with what is written next; 0: none is. */
  removableUpTo = 0;
  private readonly db: DatabaseSync;
  private readonly prepared = new Map<string, StatementSync>();

  /** `before`: the statements over the database that this one takes the place of. */
  constructor(db: DatabaseSync, before: Statements | null = null) {
    this.db = db;
    this.removableUpTo = before?.removableUpTo ?? 0;
    this.lastSeq = Math.max(
      before?.lastSeq ?? 0,
      Number(this.sql("SELECT max(seq) AS seq FROM outbox").get()?.["seq"] ?? 0),
    );
  }

  find({ taskId, executionId }: ExecutionRef): Execution | null {
    const row = this.sql(`${SELECT_EXECUTIONS} WHERE task_id = ? AND execution_id = ?`).get(
      taskId,
      executionId,
    );
    return row === undefined ? null : toExecution(row);
  }

  running(): Execution[] {
    return this.sql(`${SELECT_EXECUTIONS} WHERE ended_at IS NULL`).all().map(toExecution);
  }

  /** Ended without a report of ours: somebody else runs them. */
  handedOff(taskId: string): Execution[] {
    return this.sql(
      `${SELECT_EXECUTIONS} WHERE task_id = ? AND ended_at IS NOT NULL AND terminal IS NULL ORDER BY ended_at`,
    )
      .all(taskId)
      .map(toExecution);
  }

  /** Of those, the ones whose runtime was being told of a cancellation. */
  beingCancelled(): Execution[] {
    return this.sql(
      `${SELECT_EXECUTIONS} WHERE ended_at IS NOT NULL AND terminal IS NULL AND cancelled_at IS NOT NULL`,
    )
      .all()
      .map(toExecution);
  }

  undelivered(): StoredFrame[] {
    this.writeDelivered();
    return this.sql("SELECT seq, frame FROM outbox ORDER BY seq")
      .all()
      .map((row) => ({ seq: Number(row["seq"]), frame: String(row["frame"]) }));
  }

  /** `now` in ms since 1970. */
  claim(ref: ExecutionRef, handle: string | null, frame: string, now: number): StoredFrame {
    return this.together(() => {
      this.sql(CLAIM).run(ref.taskId, ref.executionId, handle, now);
      return this.owe(frame);
    });
  }

  saveHandle({ taskId, executionId }: ExecutionRef, handle: string): void {
    this.sql("UPDATE executions SET handle = ? WHERE task_id = ? AND execution_id = ?").run(
      handle,
      taskId,
      executionId,
    );
  }

  /** `at` in ms since 1970; null: no longer. */
  setCancelled({ taskId, executionId }: ExecutionRef, at: number | null): void {
    this.sql("UPDATE executions SET cancelled_at = ? WHERE task_id = ? AND execution_id = ?").run(
      at,
      taskId,
      executionId,
    );
  }

  /** `now` in ms since 1970; `handle`: what is to be known of it from now on. */
  end(
    ref: ExecutionRef,
    frame: string | null,
    now: number,
    handle: string | null = null,
  ): StoredFrame | null {
    return this.together(() => {
      this.sql(END).run(ref.taskId, ref.executionId, frame, now, handle);
      return frame === null ? null : this.owe(frame);
    });
  }

  owe(frame: string): StoredFrame {
    const seq = this.lastSeq + 1;
    this.sql("INSERT INTO outbox (seq, frame) VALUES (?, ?)").run(seq, frame);
    this.lastSeq = seq;
    return { seq, frame };
  }

  isOwed(frame: string): boolean {
    const owed = this.sql("SELECT 1 FROM outbox WHERE frame = ? AND seq > ? LIMIT 1");
    return owed.get(frame, this.removableUpTo) !== undefined;
  }

  writeDelivered(): void {
    if (this.removableUpTo === 0) return;
    this.sql("DELETE FROM outbox WHERE seq <= ?").run(this.removableUpTo);
    this.removableUpTo = 0;
  }

  /** Both in ms since 1970. Not those whose end is still owed. */
  forgetEndedBefore(reported: number, handedOff: number): void {
    this.sql(FORGET).run(reported, handedOff);
  }

  /**
   * Of what began and ended up to `until`, in ms since 1970. What ended before `since` keeps its time: a clock that has just
   * learned the time never told it, but an earlier worker's did.
   */
  moveTimes(byMs: number, until: number, since: number): void {
    this.together(() => {
      this.sql(MOVE_CLAIMS).run(byMs, until);
      this.sql(MOVE_ENDS).run(byMs, until, since);
    });
  }

  /** Adds what is in a database that it took the place of: frames keep their numbers, and what was written since counts. */
  addFrom(db: DatabaseSync): void {
    copyRows(db, this.db);
  }

  /** Makes this database say what the other says, whole or not at all. */
  replaceAll(other: Statements): void {
    this.together(() => {
      this.db.exec("DELETE FROM executions; DELETE FROM outbox");
      const execution = this.sql(INSERT_EXECUTION);
      for (const row of other.sql(SELECT_EXECUTIONS).all()) {
        execution.run(...EXECUTION_COLUMNS.map((column) => row[column] ?? null));
      }
      const frame = this.sql("INSERT INTO outbox (seq, frame) VALUES (?, ?)");
      for (const row of other.undelivered()) frame.run(row.seq, row.frame);
    });
    this.lastSeq = Math.max(this.lastSeq, other.lastSeq);
  }

  private together<T>(work: () => T): T {
    const { removableUpTo } = this;
    this.sql("BEGIN IMMEDIATE").run();
    try {
      this.writeDelivered();
      const result = work();
      this.sql("COMMIT").run();
      return result;
    } catch (error) {
      this.removableUpTo = removableUpTo;
      // A full disk makes SQLite roll back by itself.
      if (this.db.isTransaction) this.sql("ROLLBACK").run();
      throw error;
    }
  }

  private sql(text: string): StatementSync {
    let statement = this.prepared.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      this.prepared.set(text, statement);
    }
    return statement;
  }
}

const CLAIM = `INSERT OR REPLACE INTO executions (task_id, execution_id, handle, claimed_at)
  VALUES (?, ?, ?, ?)`;
const END = `INSERT INTO executions (task_id, execution_id, terminal, claimed_at, ended_at, handle)
  VALUES (?1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT DO UPDATE
  SET handle = excluded.handle, terminal = excluded.terminal, ended_at = excluded.ended_at, cancelled_at = NULL`;
/** Who has not read of an end may well ask for it to be run again, with the first words after a weekend without a link. */
const FORGET = `DELETE FROM executions WHERE ended_at < iif(terminal IS NULL, ?2, ?1)
  AND (terminal IS NULL OR terminal NOT IN (SELECT frame FROM outbox))`;
const MOVE_CLAIMS = `UPDATE executions SET claimed_at = claimed_at + ?1
  WHERE ended_at IS NULL AND claimed_at <= ?2`;
const MOVE_ENDS = `UPDATE executions SET ended_at = ended_at + ?1 WHERE ended_at BETWEEN ?3 AND ?2`;
const SELECT_EXECUTIONS = `SELECT ${EXECUTION_COLUMNS.join(", ")} FROM executions`;

type Row = Record<string, string | number | bigint | null | Uint8Array>;

function toExecution(row: Row): Execution {
  return {
    taskId: String(row["task_id"]),
    executionId: String(row["execution_id"]),
    handle: row["handle"] === null ? null : JSON.parse(String(row["handle"])),
    terminal: row["terminal"] === null ? null : String(row["terminal"]),
    claimedAt: Number(row["claimed_at"]),
    ended: row["ended_at"] !== null,
    ...(row["ended_at"] === null ? {} : { endedAt: Number(row["ended_at"]) }),
    cancelled: row["cancelled_at"] !== null,
  };
}
