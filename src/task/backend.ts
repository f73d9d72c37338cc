/** What runs a task. Everything that differs between engines is behind this interface. */
import type { BackendKind } from "../config/settings.ts";
import type { ExecutionRef, Handle } from "../journal/execution.ts";
import type { Logger } from "../logging/logger.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type { FailureReason } from "../protocol/failure-reason.ts";
import type { TaskSpec } from "./prepare.ts";

/** Why a task's one AbortSignal fired; the first one wins. */
export type StopReason = "cancelled" | "shutdown" | "timeout";

/** The typed reason of a task's AbortSignal. */
export class TaskStopped extends Error {
  readonly why: StopReason;

  constructor(why: StopReason) {
    super(`Task stopped: ${why}`);
    this.name = "TaskStopped";
    this.why = why;
  }
}

/** The worker itself stops, so that the task is safe to retry. */
export function isShutdown(signal: AbortSignal): boolean {
  return isStoppedFor(signal, "shutdown");
}

/** On the user's word. */
export function isCancelled(signal: AbortSignal): boolean {
  return isStoppedFor(signal, "cancelled");
}

function isStoppedFor({ aborted, reason }: AbortSignal, why: StopReason): boolean {
  return aborted && reason instanceof TaskStopped && reason.why === why;
}

/** A task that failed for a reason that the control plane knows; anything else thrown is `unknown`. */
export class TaskFailure extends Error {
  readonly reason: FailureReason;
  /** The agent's own exit status, 128+signal for a signal. */
  readonly exitCode: number | undefined;

  constructor(reason: FailureReason, message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = "TaskFailure";
    this.reason = reason;
    this.exitCode = options.exitCode;
  }
}

/** A backend that cannot run anything here: the daemon does not start (exit 1). */
export class BackendUnusable extends Error {
  override readonly name = "BackendUnusable";
}

/**
 * What a backend makes of a task's handle; null: it has none. Throws a TaskFailure for one that is not its own, because
 * the worker was started again with another backend: what the task began is out of sight here and may go on, so nobody
 * may be told that it is safe to retry.
 */
export function readOwnHandle<T>(saved: Handle | null, read: (saved: Handle) => T | null): T | null {
  if (saved === null) return null;
  const own = read(saved);
  if (own !== null) return own;
  throw new TaskFailure(
    "unknown",
    "a worker with another backend began it, so that how it ended is not known here, and it may still run",
  );
}

/** Of a task whose worker was killed between its claim and its start. */
export function notBegun(): TaskFailure {
  return new TaskFailure(
    "unknown",
    "the worker was killed before it had started the task; it is safe to retry",
  );
}

/** Of one whose worker was killed after that, and before the agent ran: what had been made of it is ended. */
export function notPrepared(): TaskFailure {
  return new TaskFailure("unknown", "the worker was killed while it prepared the task; it is safe to retry");
}

/**
 * `handed-off`: an engine has it, and its runtime reports. `left`: another worker of this host has the task, and reports; for a
 * backend without `cancelHandedOff` that is what `handed-off` means, too.
 */
export type Completion = "completed" | "handed-off" | "left";

export interface RunContext {
  /** Fires with a TaskStopped; the backend then ends the task gently, and rejects with that reason. */
  readonly signal: AbortSignal;
  /**
   * Fires when a stopping worker has no more time: what is still being waited for (a grace period, a
   * teardown) is ended now.
   */
  readonly hurry: AbortSignal;
  readonly log: Logger;
  /** As it was reserved: on disk since the claim. Absent: nothing is yet. */
  readonly planned?: Handle;
  /** What another execution of the task is found by, which another dead worker had begun since. Absent: none is known. */
  readonly later?: Handle;
  /** Kept on disk before it returns; call it before the step that the handle undoes or finds again. */
  saveHandle(handle: Handle): void;
  /** Runs one part of the task's way under its name, so that its time and its end can be seen. `work` does not throw. */
  step<T>(name: StepName, work: () => Promise<T>): Promise<T>;
  /** Values of its environment that became known only now: no log line shows them while it runs. */
  hide?(values: Iterable<string>): void;
  /** What goes on after the task's end, and never rejects: until it has settled no log line shows those values either. */
  linger?(work: Promise<void>): void;
}

/**
 * The parts of a task's way that an operator wants to see apart. `run` is the agent's own time, from
 * its start to its end. `cleanup` is what comes after it and changes no result: a step of that name
 * that throws is counted as a failed cleanup, and whoever called it goes on.
 */
export type StepName = "pull" | "sidecar" | "create" | "run" | "cleanup";

/** A task whose worker is proven dead, and which no journal here knows. */
export interface Orphan extends ExecutionRef {
  readonly handle: Handle;
  /** When it began, in ms since 1970: what it ran so far counts. */
  readonly claimedAt: number;
}

/**
 * `taken`: it is resumed here from now on; `running`: it is already; `ended`: its end was reported; `unproven`: its end is
 * known here, and the far side is not proven to know it, so it is to be offered again; `later`: so is this, for another
 * execution of its task runs here.
 */
export type Adoption = "taken" | "running" | "ended" | "unproven" | "later" | "refused";

/** Of a task that no other worker takes any more. */
export interface Reservation {
  /**
   * What a restart will find it by, before anything of it is made: kept with its claim, which saves a write of its
   * own, and `run` then makes that and nothing else. Null: `run` saves one.
   */
  readonly planned: Handle | null;
}

export interface Backend extends AsyncDisposable {
  readonly kind: BackendKind;
  /** Its tasks run in images, so one whose images are not understood cannot run. */
  readonly usesImages: boolean;
  /** Its tasks go on while the worker is away, so a stop leaves them alone and the next start resumes them. */
  readonly outlivesWorker: boolean;
  /** Calls to its engine that are made or wait to be made, for the metrics. Absent: there is no engine. */
  readonly engineCalls?: () => number;
  /** False: a task that came now would fail for want of room, so that it is turned down. Does not throw. */
  hasRoom?(): boolean;
  /**
   * Null: a living worker beside this one has the task, so that it is turned down. Else no other takes it until
   * `letGo`. Does not throw. Absent: nobody can, or it cannot be known.
   */
  reserve?(assignment: Assignment): Reservation | null;
  /** Resolves when the task ended well; throws TaskFailure, or the signal's reason. */
  run(task: TaskSpec, context: RunContext): Promise<Completion>;
  /**
   * Waits for a task that an earlier worker started. `handle` null: it was claimed, and the worker
   * died before it had anything to save.
   */
  resume(ref: ExecutionRef, handle: Handle | null, context: RunContext): Promise<Completion>;
  /**
   * The result of every task that `run` or `resume` settled is safe on disk once this is called:
   * whatever was kept for a restart may go.
   */
  forget(ref: ExecutionRef): void;
  /** The far side is proven to know its end, and gives it to nobody else any more. Absent: nothing waits for that. */
  letGo?(ref: ExecutionRef): void;
  /**
   * Offers tasks of dead workers, now and until the signal fires, and clears away what they left otherwise. Called
   * once, after the journal's own were resumed. Never rejects. Absent: nothing here outlives its journal.
   */
  findOrphans?(adopt: (orphan: Orphan) => Adoption, signal: AbortSignal): Promise<void>;
  /** How long a task handed off can still be cancelled; at least a day. */
  readonly rememberHandedOffMs?: number;
  /**
   * A cancellation for a task that was handed off. Resolves when its runtime has been told; throws
   * TaskFailure when it could not be. Absent: nobody can be told, for what is handed off here another worker has.
   */
  cancelHandedOff?(ref: ExecutionRef, context: RunContext): Promise<void>;
}
