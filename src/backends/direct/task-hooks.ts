/** Setup before a task, teardown after it, whatever came between. */
import { never } from "../../async/wait.ts";
import type { DirectSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { SHIM_KILLED, SpawnRefused } from "../../process/shim/refused.ts";
import { type RunContext, TaskFailure } from "../../task/backend.ts";
import { type Environment, hookEnvironment } from "./environment.ts";
import { isFolder } from "./folder.ts";
import {
  environmentFileIn,
  type HookTools,
  makeEnvironmentFile,
  readEnvironmentFile,
  runHook,
} from "./hook.ts";
import type { Workspace } from "./workspace.ts";

export interface TaskHooksOptions {
  readonly settings: DirectSettings;
  readonly tools: HookTools;
  readonly workerEnvironment: Environment;
  /** The task's own variables. */
  readonly environment: Environment;
  readonly taskId: string;
  readonly workspace: Workspace;
  readonly context: RunContext;
}

/**
 * They are removed after it has run: a worker that was killed right then leaves the task to one that would run it again. Or
 * it was killed before it had made them.
 */
const BOTH_GONE =
  "the workspace and the task's private folder are not there; a worker that was killed may have run it before it removed them, or had not made them yet";

/** It ran, and said no. */
class TeardownFailure extends TaskFailure {
  constructor(status: number) {
    super("teardown_command", `teardown_command exited with status ${status}`, { exitCode: status });
  }
}

export class TaskHooks {
  private readonly options: TaskHooksOptions;

  constructor(options: TaskHooksOptions) {
    this.options = options;
  }

  /** What setup wrote; nothing without one. Throws TaskFailure, or the signal's reason. */
  async setUp(): Promise<Environment> {
    const { settings, workspace, context } = this.options;
    if (settings.setupCommand === null || workspace.scratchDir === null) return {};
    const file = makeEnvironmentFile(workspace.scratchDir);
    const status = await this.trySetUp(settings.setupCommand, file);
    context.signal.throwIfAborted();
    if (status !== 0) throw new TaskFailure("setup_command", `setup_command exited with status ${status}`);
    try {
      return await readEnvironmentFile(file);
    } catch (error) {
      const message = `cannot read what setup_command wrote to $OZ_ENVIRONMENT_FILE: ${wordsOf(error)}`;
      throw new TaskFailure("setup_command", message, { cause: error });
    }
  }

  private async trySetUp(command: string, file: string): Promise<number> {
    try {
      return await this.runHook(command, file, this.options.context.signal);
    } catch (error) {
      if (!(error instanceof SpawnRefused)) throw error;
      // Whether it was started nobody knows; that it is not wanted any more is true in any case.
      if (error.code === SHIM_KILLED) this.options.context.signal.throwIfAborted();
      const message = `setup_command cannot be started: ${error.message}`;
      throw new TaskFailure("setup_command", message, { cause: error });
    }
  }

  /** Also for a task whose setup was an earlier daemon's. Never rejects. */
  async tearDown(): Promise<void> {
    const { settings, workspace, context } = this.options;
    if (settings.teardownCommand === null || workspace.scratchDir === null) return;
    const { teardownCommand: command } = settings;
    // Teardown is what a stopped task needs most, so the task's own signal does not end it.
    const file = environmentFileIn(workspace.scratchDir);
    try {
      await context.step("cleanup", async () => {
        const status = await this.runTeardown(command, file);
        if (status !== 0) throw new TeardownFailure(status);
      });
    } catch (error) {
      if (error instanceof TeardownFailure) {
        context.log.warn("teardown_command failed", { status: error.exitCode ?? null });
        return;
      }
      const why = wordsOf(error);
      context.log.warn("teardown_command cannot be run", { error: why });
    }
  }

  /** In the workspace; where the agent has removed or closed that, in the private folder: it runs always. */
  private async runTeardown(command: string, file: string): Promise<number> {
    try {
      return await this.runHook(command, file, never());
    } catch (error) {
      const { dir, scratchDir } = this.options.workspace;
      if (!(error instanceof SpawnRefused) || scratchDir === null) throw error;
      if (error.code === SHIM_KILLED) return await this.runHook(command, file, never(), dir);
      // "ENOENT, posix_spawn '/bin/sh'" is what the system says then.
      if (!isFolder(dir) && !isFolder(scratchDir)) throw new Error(BOTH_GONE, { cause: error });
      return await this.runHook(command, file, never(), scratchDir);
    }
  }

  private runHook(
    command: string,
    environmentFile: string,
    stop: AbortSignal,
    cwd = this.options.workspace.dir,
  ): Promise<number> {
    const { tools, workerEnvironment, environment, taskId, workspace, context } = this.options;
    const env = hookEnvironment({
      worker: workerEnvironment,
      task: environment,
      taskId,
      workspaceDir: workspace.dir,
      environmentFile,
    });
    return runHook({ command, cwd, env }, tools, stop, context.hurry);
  }
}
