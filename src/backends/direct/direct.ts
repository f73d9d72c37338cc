/**
 * Direct: the agent runs on this very host, in a workspace of its own. Its parent is the shim, so it
 * outlives a crash of the daemon, and the next daemon still learns its true exit status.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DirectSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { Afterlook } from "../../process/afterlook.ts";
import { type ShimClient, SpawnRefused } from "../../process/shim/client.ts";
import { foundWard, searchWard, startedWard, type Ward } from "../../process/shim/ward.ts";
import { Surveyor } from "../../process/stragglers.ts";
import {
  type Backend,
  type Completion,
  type Handle,
  type RunContext,
  TaskFailure,
  type TaskRef,
} from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { agentEnvironment, type Environment, harnessFolder, MARK_NAME, markOf } from "./environment.ts";
import { type DirectHandle, readHandle, writeHandle } from "./handle.ts";
import { refusalOf } from "./refusal.ts";
import { isAnotherWorkers, killUnknownAgent, LEFTOVER_GRACE_MS, seeThrough } from "./supervise.ts";
import { TaskHooks } from "./task-hooks.ts";
import {
  openWorkspace,
  removeIfEmpty,
  removeWorkspace,
  type Workspace,
  workspaceDirOf,
} from "./workspace.ts";

export interface DirectOptions {
  readonly settings: DirectSettings;
  /** The agent's executable, absolute. */
  readonly oz: string;
  readonly cleanup: boolean;
  readonly graceMs: number;
  readonly workerEnvironment: Environment;
  /** What is known of a task's environment by its id alone, for hooks that run after a restart. */
  readonly environmentOf: (taskId: string) => Environment;
  readonly shim: ShimClient;
  /** Null: no state folder, so nothing can be found again. Asked when a task comes. */
  readonly exitsDir: () => string | null;
}

const SAFE_TO_RETRY = "it is safe to retry";

export class DirectBackend implements Backend {
  readonly kind = "direct";
  readonly outlivesWorker = false;
  private readonly options: DirectOptions;
  private readonly surveyor = new Surveyor(MARK_NAME);
  private readonly afterlook: Afterlook;
  private readonly agents = new Map<string, Ward>();

  constructor(options: DirectOptions) {
    this.options = options;
    this.afterlook = new Afterlook(this.surveyor, Math.min(options.graceMs, LEFTOVER_GRACE_MS));
  }

  async run(task: TaskSpec, context: RunContext): Promise<Completion> {
    const { assignment } = task;
    const { settings, exitsDir } = this.options;
    const harness = assignment.task.snapshot?.harness ?? "";
    const workspace = openWorkspace(assignment.taskId, {
      workspaceRoot: settings.workspaceRoot,
      targetDir: settings.targetDir,
      needsScratch: settings.setupCommand !== null || settings.teardownCommand !== null,
    });
    const dir = exitsDir();
    const exitFile = dir === null ? null : join(dir, crypto.randomUUID());
    const begun = settings.setupCommand === null;
    const handle = { workspace, harness, exitFile, begun, stopping: false, process: null };
    return this.inWorkspace(workspace, context, async () => {
      if (!workspace.made && settings.targetDir === null) await this.requireUnused(workspace);
      // Before anything runs in it, so that a worker that is killed from here on leaves nothing unknown.
      context.saveHandle(writeHandle(handle));
      await this.afterlook.yieldTo(markOf(workspace));
      const folder = harnessFolder(harness, workspace.dir);
      if (folder !== null) mkdirSync(folder, { recursive: true, mode: 0o700 });
      const hooks = this.hooks(assignment.taskId, workspace, task.environment, context);
      return hooks.around(async (fromSetup) => {
        context.hide?.(Object.values(fromSetup));
        const env = agentEnvironment({
          worker: this.options.workerEnvironment,
          task: task.environment,
          harness,
          workspace,
          fromSetup,
        });
        if (!handle.begun) context.saveHandle(writeHandle({ ...handle, begun: true }));
        return context.step("run", async () => {
          const agent = await this.start(task.argv, workspace, env, exitFile);
          this.agents.set(assignment.taskId, agent);
          const found = { ...handle, begun: true, process: agent.identity };
          context.saveHandle(writeHandle(found));
          return this.watch(agent, found, context);
        });
      });
    });
  }

  /** Two agents in one folder would take its files, and each other's processes, for their own. */
  private async requireUnused(workspace: Workspace): Promise<void> {
    if (!(await isAnotherWorkers(workspace, this.surveyor))) return;
    throw new TaskFailure(
      "workspace_setup",
      `another worker on this host runs this task in ${workspace.dir}`,
    );
  }

  async resume(ref: TaskRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const handle = readHandle(saved);
    if (handle === null) return this.abandon(ref);
    const { workspace } = handle;
    return this.inWorkspace(workspace, context, async () => {
      const environment = this.options.environmentOf(ref.taskId);
      const hooks = this.hooks(ref.taskId, workspace, environment, context);
      return hooks.afterwards(async () => {
        const agent = await this.find(handle);
        if (agent === null) {
          await killUnknownAgent(workspace, this.surveyor);
          throw new TaskFailure(
            "unknown",
            `the worker was killed while it prepared the task; ${SAFE_TO_RETRY}`,
          );
        }
        this.agents.set(ref.taskId, agent);
        return context.step("run", () => this.watch(agent, handle, context));
      });
    });
  }

  /** Null: as far as anybody knows it was never started. */
  private async find({ workspace, exitFile, begun, process }: DirectHandle): Promise<Ward | null> {
    if (exitFile === null || !begun) return null;
    if (process !== null) return foundWard(process, exitFile);
    return searchWard(markOf(workspace), exitFile, this.surveyor);
  }

  /** Claimed, and perhaps begun, by a worker that was killed in that moment. */
  private async abandon({ taskId }: TaskRef): Promise<never> {
    const { workspaceRoot, targetDir } = this.options.settings;
    // It had not even saved what it made, so nothing ran in it, and it is empty if it was made here.
    if (this.options.cleanup && targetDir === null) removeIfEmpty(workspaceDirOf(taskId, workspaceRoot));
    throw new TaskFailure(
      "unknown",
      `the worker was killed before it had started the task; ${SAFE_TO_RETRY}`,
    );
  }

  forget({ taskId }: TaskRef): void {
    this.agents.get(taskId)?.forget();
    this.agents.delete(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.afterlook[Symbol.asyncDispose]();
    this.options.shim[Symbol.dispose]();
  }

  private async watch(agent: Ward, handle: DirectHandle, context: RunContext): Promise<Completion> {
    const { surveyor, afterlook } = this;
    const { graceMs } = this.options;
    const onShutdown = () => context.saveHandle(writeHandle({ ...handle, stopping: true }));
    const options = { surveyor, afterlook, graceMs, wasStopped: handle.stopping, onShutdown };
    await seeThrough(agent, handle.workspace, options, context);
    return "completed";
  }

  private hooks(
    taskId: string,
    workspace: Workspace,
    environment: Environment,
    context: RunContext,
  ): TaskHooks {
    const { settings, shim, graceMs, workerEnvironment } = this.options;
    const tools = { shim, graceMs, surveyor: this.surveyor };
    return new TaskHooks({ settings, tools, workerEnvironment, environment, taskId, workspace, context });
  }

  private async start(
    argv: readonly string[],
    workspace: Workspace,
    env: Environment,
    exitFile: string | null,
  ): Promise<Ward> {
    const { oz, shim } = this.options;
    try {
      return startedWard(await shim.spawn({ argv: [oz, ...argv], cwd: workspace.dir, env }, exitFile));
    } catch (error) {
      if (!(error instanceof SpawnRefused)) throw error;
      throw refusalOf(oz, workspace.dir, error);
    }
  }

  /** Whatever happens in it, what this worker made for the task is gone afterwards. */
  private async inWorkspace(
    workspace: Workspace,
    context: RunContext,
    work: () => Promise<Completion>,
  ): Promise<Completion> {
    try {
      return await work();
    } finally {
      try {
        await context.step("cleanup", () => removeWorkspace(workspace, !this.options.cleanup));
      } catch (error) {
        const why = wordsOf(error);
        context.log.warn("cannot remove the workspace", { dir: workspace.dir, error: why });
      }
    }
  }
}
