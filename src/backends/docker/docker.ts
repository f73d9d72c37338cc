/**
 * Docker: each task in a container of its own. The engine keeps a container's exit status, so a task
 * outlives a crash of the worker by itself; what is to be kept is which container is whose.
 */

import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import type { Room } from "../../process/room.ts";
import type { Adoption, Backend, Completion, Orphan, RunContext } from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import type { Disposal } from "./disposal.ts";
import type { Engine } from "./engine/engine.ts";
import { newHandle, writeHandle } from "./handle.ts";
import { LABELS, type Labels } from "./labels.ts";
import type { Claims } from "./ownership/claims.ts";
import { Resumption } from "./resumption.ts";
import { inContainer, type Stay } from "./stay.ts";
import { nameContainer } from "./task-container.ts";
import { TaskRun, type TaskRunTools } from "./task-run.ts";
import type { TaskSetup } from "./task-setup.ts";
import type { Upkeep } from "./upkeep.ts";
import type { Watcher } from "./watcher.ts";

export interface DockerOptions {
  readonly engine: Engine;
  readonly setup: TaskSetup;
  /** Null: whatever there is is enough. */
  readonly room: Room | null;
  readonly claims: Claims;
  readonly disposal: Disposal;
  readonly watcher: Watcher;
  readonly upkeep: Upkeep;
  /** Names and ids of containers that this process has resumed. */
  readonly ownedHere: Set<string>;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
  readonly cleanup: boolean;
  readonly verbose: boolean;
  readonly graceMs: number;
}

export class DockerBackend implements Backend {
  readonly kind = "docker";
  readonly usesImages = true;
  readonly outlivesWorker = false;
  readonly engineCalls = (): number => this.options.engine.callsUnderway;
  private readonly options: DockerOptions;
  private readonly tools: TaskRunTools;
  private readonly resumption: Resumption;

  constructor(options: DockerOptions) {
    this.options = options;
    const { engine, watcher, graceMs, cleanup, verbose, disposal, labels } = options;
    const instance = labels[LABELS.instance] ?? "";
    this.tools = { engine, watcher, graceMs, cleanup, verbose, disposal, instance };
    const { claims, ownedHere } = options;
    this.resumption = new Resumption({ claims, ownedHere, tools: this.tools });
  }

  hasRoom(): boolean {
    return this.options.room?.isEnough() ?? true;
  }

  /** Not async: a function that waits holds its parameters, and nobody needs the task once its container is there. */
  run(task: TaskSpec, context: RunContext): Promise<Completion> {
    return inContainer(this.enter(task, context));
  }

  private async enter(task: TaskSpec, context: RunContext): Promise<Stay> {
    const { engine, setup } = this.options;
    const handle = newHandle(nameContainer(task.assignment.taskId), engine.chosen.label);
    // Before anything is made, so that a worker that is killed from here on leaves nothing unknown.
    context.saveHandle(writeHandle(handle));
    const run = new TaskRun(handle, this.tools, context);
    const begun = setup.begin(task, run, context);
    const work = begun.then((id) => context.step("run", () => run.finish(id)));
    return { run, work };
  }

  resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    return this.resumption.resume(ref, saved, context);
  }

  /** A container that ended is removed before its end is reported. */
  forget(): void {}

  findOrphans(adopt: (orphan: Orphan) => Adoption, signal: AbortSignal): Promise<void> {
    return this.options.upkeep.run(adopt, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.options.watcher[Symbol.dispose]();
    await this.options.engine[Symbol.asyncDispose]();
  }
}
