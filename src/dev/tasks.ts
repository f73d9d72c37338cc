/** The tasks that the control plane knows and the states that they go through. No sockets here. */
import type { Assignment } from "./assignment-of.ts";
import { type Frame, isTerminal } from "./frame-log.ts";
import { asObject, numberOf, textOf } from "./json.ts";

export const FINAL_STATES = ["completed", "failed", "cancelled"] as const;
export type FinalState = (typeof FINAL_STATES)[number];
/** `rejected` lasts for a moment, after which the task is queued again. */
export type TaskState = "queued" | "assigned" | "claimed" | "rejected" | FinalState;

/** A snapshot; each change makes a new one. */
export interface DevTask {
  readonly taskId: string;
  readonly executionId: string | null;
  readonly title: string;
  readonly state: TaskState;
  /** Of the terminal message or the rejection. */
  readonly message: string | null;
  readonly failureReason: string | null;
  readonly exitCode: number | null;
  /** The open connection whose worker has it. */
  readonly connection: number | null;
  readonly cancelRequested: boolean;
  readonly claims: number;
  readonly rejections: number;
  /** Terminal messages, repeated ones included. */
  readonly terminals: number;
  readonly createdAt: number;
  readonly changedAt: number;
  readonly assignment: Assignment;
}

export function isFinal(state: TaskState): state is FinalState {
  return FINAL_STATES.some((final) => final === state);
}

/** Ended tasks beyond this number are forgotten, oldest first: `dev` may run for days. */
const ENDED_TASKS_KEPT = 20_000;

export class TaskBook {
  readonly #tasks = new Map<string, DevTask>();
  readonly #open = new Set<string>();
  readonly #onChange: (task: DevTask) => void;

  constructor(onChange: (task: DevTask) => void) {
    this.#onChange = onChange;
  }

  get(taskId: string): DevTask | undefined {
    return this.#tasks.get(taskId);
  }

  get count(): number {
    return this.#tasks.size;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  all(): readonly DevTask[] {
    return [...this.#tasks.values()];
  }

  /** Those that have not ended, oldest first. */
  open(): readonly DevTask[] {
    return [...this.#open].flatMap((taskId) => this.#tasks.get(taskId) ?? []);
  }

  /** @throws when the task is known and has not ended; one that has is replaced by its new execution */
  add(assignment: Assignment): DevTask {
    const taskId = assignment.task_id;
    if (this.#open.has(taskId)) throw new Error(`Task ${taskId} is already here and has not ended`);
    const now = Date.now();
    this.#tasks.delete(taskId);
    this.#open.add(taskId);
    this.#forgetOldest();
    return this.#put({
      taskId,
      executionId: textOf(assignment["execution_id"]) ?? null,
      title: textOf(asObject(assignment["task"])?.["title"]) ?? "",
      state: "queued",
      message: null,
      failureReason: null,
      exitCode: null,
      connection: null,
      cancelRequested: false,
      claims: 0,
      rejections: 0,
      terminals: 0,
      createdAt: now,
      changedAt: now,
      assignment,
    });
  }

  update(task: DevTask, changes: Partial<DevTask>): DevTask {
    const next = { ...task, ...changes, changedAt: Date.now() };
    if (isFinal(next.state)) this.#open.delete(task.taskId);
    return this.#put(next);
  }

  /** What a frame of a worker means for its task. A frame about a task that is not known means nothing. */
  apply(frame: Frame): DevTask | undefined {
    const task = frame.taskId === null ? undefined : this.#tasks.get(frame.taskId);
    if (!task) return undefined;
    if (isTerminal(frame)) return this.update(task, afterTerminal(task, frame));
    switch (frame.type) {
      case "task_claimed":
        return this.update(task, {
          claims: task.claims + 1,
          ...(isFinal(task.state) ? {} : { state: "claimed", connection: frame.connection, message: null }),
        });
      case "task_rejected":
        return this.update(task, {
          rejections: task.rejections + 1,
          // A claimed task that is rejected was offered twice, on purpose: the first offer still runs.
          ...(task.state === "assigned" && task.connection === frame.connection
            ? { state: "rejected", connection: null, message: textOf(frame.data["reason"]) ?? null }
            : {}),
        });
      default:
        return undefined;
    }
  }

  #put(task: DevTask): DevTask {
    this.#tasks.set(task.taskId, task);
    this.#onChange(task);
    return task;
  }

  #forgetOldest(): void {
    if (this.#tasks.size - this.#open.size <= ENDED_TASKS_KEPT) return;
    for (const taskId of this.#tasks.keys()) {
      if (this.#open.has(taskId)) continue;
      this.#tasks.delete(taskId);
      return;
    }
  }
}

/** The first terminal message decides; a later one is counted. */
function afterTerminal(task: DevTask, frame: Frame): Partial<DevTask> {
  const terminals = task.terminals + 1;
  if (isFinal(task.state)) return { terminals };
  return {
    terminals,
    state: finalStateOf(frame),
    connection: null,
    message: textOf(frame.data["message"]) ?? null,
    failureReason: textOf(frame.data["failure_reason"]) ?? null,
    exitCode: numberOf(frame.data["exit_code"]) ?? null,
  };
}

function finalStateOf(frame: Frame): FinalState {
  if (frame.type === "task_failed") return "failed";
  return frame.data["task_state"] === "CANCELLED" ? "cancelled" : "completed";
}
