/** What the control plane is told about assignments: each answer is in the journal before it is on its way. */
import type { Execution, ExecutionRef, Handle, StoredFrame } from "../journal/execution.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../logging/logger.ts";
import { encodeOutbound, type Outbound } from "../protocol/outbound.ts";
import type { Backend } from "./backend.ts";
import { isLeft } from "./handed-off.ts";
import type { Rejection } from "./observer.ts";

export interface AnswersOptions {
  readonly workerId: string;
  readonly backend: Pick<Backend, "reserve" | "cancelHandedOff">;
  readonly journal: Journal;
  readonly log: Logger;
  /** A frame that is already in the journal; it is delivered however long that takes. */
  readonly deliver: (frame: StoredFrame, urgency?: "now" | "afterTurn") => void;
  /** True when the same words are on their way already. */
  readonly isOnItsWay: (frame: string) => boolean;
}

/** The first is the control plane's own word for it, upon which it keeps the task queued. */
const REJECTIONS = {
  atCapacity: "worker at maximum concurrency",
  stopping: "worker is shutting down",
  noRoom: "worker has not enough free disk space",
  alreadyRunning: "another execution of this task is still running",
} as const satisfies Readonly<Record<Rejection, string>>;

export class Answers {
  private readonly options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.options = options;
  }

  /** From now on the execution is this worker's, and the next one's by `handle` if this one is killed. */
  claim(ref: ExecutionRef, handle: Handle | null): void {
    const { journal, deliver } = this.options;
    deliver(journal.claim(ref, encodeOutbound(this.claimOf(ref)), handle), "afterTurn");
  }

  /** The same assignment again, of an execution that runs. */
  claimAgain(ref: ExecutionRef): void {
    this.owe(this.claimOf(ref));
  }

  reject(taskId: string, why: Rejection): void {
    const reason = REJECTIONS[why];
    this.options.log.info("task rejected", { taskId, reason });
    this.owe({ type: "task_rejected", taskId, reason });
  }

  owe(message: Outbound): void {
    this.options.deliver(this.options.journal.owe(encodeOutbound(message)));
  }

  /** The same assignment again, of an execution that has ended. False: none that anybody knows of. */
  endAgain(ref: ExecutionRef): boolean {
    const { backend, journal, log, deliver, isOnItsWay } = this.options;
    // Without an execution id an ended task cannot be told from a new run of it.
    const known = ref.executionId === "" ? null : journal.find(ref);
    if (known === null || !known.ended) return false;
    if (known.terminal === null && isLeftToAnother(known, backend)) return false;
    log.info("assignment of an ended execution answered again", { ...ref });
    if (known.terminal === null) this.claimAgain(ref);
    else if (!isOnItsWay(known.terminal)) deliver(journal.owe(known.terminal));
    return true;
  }

  private claimOf({ taskId }: ExecutionRef): Outbound {
    return { type: "task_claimed", taskId, workerId: this.options.workerId };
  }
}

/**
 * It ended without a report, and not for an engine: where there is none, it is not one that could be told of a cancellation.
 * The other may be dead by now: whether it is, it takes to reserve the task.
 */
function isLeftToAnother(known: Execution, { reserve, cancelHandedOff }: AnswersOptions["backend"]): boolean {
  return isLeft(known) || (reserve !== undefined && cancelHandedOff === undefined);
}
