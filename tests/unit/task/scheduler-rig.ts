/** A scheduler with the real journal, and everything that it says. */
import { Journal } from "../../../src/journal/journal.ts";
import { Secrets } from "../../../src/logging/secrets.ts";
import { encodeOutbound } from "../../../src/protocol/outbound.ts";
import { UNOBSERVED } from "../../../src/task/observer.ts";
import { Scheduler, type SchedulerOptions } from "../../../src/task/scheduler.ts";
import { UnprovenEnds } from "../../../src/task/unproven-ends.ts";
import { recordLog } from "../logging/recorded-log.ts";
import { ScriptedBackend, type ScriptedBackendOptions, type ScriptedTask } from "./scripted-backend.ts";

export interface RigOptions extends ScriptedBackendOptions, Partial<Omit<SchedulerOptions, "backend">> {}

export const claimed = (taskId: string) => encodeOutbound({ type: "task_claimed", taskId, workerId: "w" });
export const completed = (taskId: string) =>
  encodeOutbound({ type: "task_completed", taskId, message: "Task completed successfully" });
export const cancelled = (taskId: string) =>
  encodeOutbound({
    type: "task_completed",
    taskId,
    message: "Task cancelled by user request.",
    cancelled: true,
  });
export const rejected = (taskId: string, reason: string) =>
  encodeOutbound({ type: "task_rejected", taskId, reason });

export class SchedulerRig implements Disposable {
  readonly log = recordLog();
  readonly journal: Journal;
  readonly backend: ScriptedBackend;
  readonly scheduler: Scheduler;
  /** Frames handed to delivery, oldest first. */
  readonly sent: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(options: RigOptions = {}) {
    this.journal = options.journal ?? new Journal(null, this.log);
    this.backend = new ScriptedBackend({
      ...options,
      onStart: (task) => {
        options.onStart?.(task);
        this.#changed();
      },
      onForget: () => this.#changed(),
    });
    this.scheduler = new Scheduler({
      workerId: "w",
      journal: this.journal,
      log: this.log,
      prepare: (assignment) => ({ assignment, argv: [], environment: {} }),
      isOnItsWay: () => false,
      observer: UNOBSERVED,
      unprovenEnds: new UnprovenEnds(() => {}),
      secrets: new Secrets(),
      maxConcurrentTasks: 0,
      maxTaskDurationMs: null,
      ...options,
      backend: this.backend,
      deliver: ({ frame }) => {
        this.sent.push(frame);
        this.#changed();
      },
    });
  }

  /** The nth start, once it is there. */
  started(nth: number): Promise<ScriptedTask> {
    return this.#until(() => this.backend.started[nth - 1]);
  }

  /** So many frames, once they are there. */
  frames(count: number): Promise<readonly string[]> {
    return this.#until(() => (this.sent.length >= count ? this.sent : undefined));
  }

  /** Once so many tasks have ended and their ends are in the journal. */
  async ended(count: number): Promise<void> {
    await this.#until(() => (this.backend.forgotten.length >= count ? true : undefined));
  }

  [Symbol.dispose](): void {
    this.journal[Symbol.dispose]();
  }

  #until<T>(probe: () => T | undefined): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = () => {
      const found = probe();
      if (found === undefined) return;
      this.#waiting.delete(look);
      resolve(found);
    };
    this.#waiting.add(look);
    look();
    return promise;
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }
}
