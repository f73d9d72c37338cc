/** The far side of the scheduler: a backend whose tasks end when the test says so. */
import type { ExecutionRef, Handle } from "../../../src/journal/execution.ts";
import type { Assignment } from "../../../src/protocol/assignment.ts";
import type { Backend, Completion, Reservation, RunContext } from "../../../src/task/backend.ts";
import type { TaskSpec } from "../../../src/task/prepare.ts";

export interface ScriptedTask {
  readonly taskId: string;
  readonly resumedWith: Handle | null | undefined;
  readonly context: RunContext;
  end(completion?: Completion): void;
  fail(error: unknown): void;
}

export interface ScriptedBackendOptions {
  /** True: a task whose signal fires rejects with the reason by itself, as a good backend does. */
  readonly obedient?: boolean;
  readonly onStart?: (task: ScriptedTask) => void;
  readonly onForget?: () => void;
  readonly usesImages?: boolean;
  /** Of these tasks another worker has each. */
  readonly hadElsewhere?: readonly string[];
  /** Of every task; null: nothing. */
  readonly planned?: Handle | null;
  /** False: whether another worker has a task cannot be known. */
  readonly reserves?: boolean;
}

export class ScriptedBackend implements Backend {
  readonly kind = "direct";
  readonly usesImages: boolean;
  readonly outlivesWorker = false;
  /** All starts, oldest first. */
  readonly started: ScriptedTask[] = [];
  readonly forgotten: string[] = [];
  /** What was asked for and not had elsewhere, oldest first. */
  readonly reserved: string[] = [];
  readonly reserve?: (assignment: Assignment) => Reservation | null;
  readonly #options: ScriptedBackendOptions;

  constructor(options: ScriptedBackendOptions = {}) {
    this.#options = options;
    this.usesImages = options.usesImages ?? false;
    if (options.reserves ?? true) this.reserve = (assignment) => this.#reserve(assignment);
  }

  run(task: TaskSpec, context: RunContext): Promise<Completion> {
    return this.#start(task.assignment.taskId, undefined, context);
  }

  resume({ taskId }: ExecutionRef, handle: Handle | null, context: RunContext): Promise<Completion> {
    return this.#start(taskId, handle, context);
  }

  forget({ taskId }: ExecutionRef): void {
    this.forgotten.push(taskId);
    this.#options.onForget?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #reserve({ taskId }: Assignment): Reservation | null {
    if (this.#options.hadElsewhere?.includes(taskId) === true) return null;
    this.reserved.push(taskId);
    return { planned: this.#options.planned ?? null };
  }

  #start(taskId: string, resumedWith: Handle | null | undefined, context: RunContext): Promise<Completion> {
    const { promise, resolve, reject } = Promise.withResolvers<Completion>();
    if (this.#options.obedient ?? true) {
      const obey = () => reject(context.signal.reason);
      if (context.signal.aborted) obey();
      else context.signal.addEventListener("abort", obey, { once: true });
    }
    const task = {
      taskId,
      resumedWith,
      context,
      end: (completion: Completion = "completed") => resolve(completion),
      fail: reject,
    };
    this.started.push(task);
    this.#options.onStart?.(task);
    return promise;
  }
}
