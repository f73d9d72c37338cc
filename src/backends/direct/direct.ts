/**
 * Direct: the agent runs on this very host, in a workspace of its own. Its parent is the shim, so it
 * outlives a crash of the daemon, and the next daemon still learns its true exit status.
 */
import { existsSync } from "node:fs";
import { directWorkplace } from "../../config/resolve-backend.ts";
import type { DirectSettings } from "../../config/settings.ts";
import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import type { StateFolders } from "../../journal/place.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { Afterlook } from "../../process/afterlook.ts";
import { Room } from "../../process/room.ts";
import { newExitFile } from "../../process/shim/exit-file.ts";
import { Surveyor } from "../../process/stragglers.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import type { Command } from "../../runtime/spawn.ts";
import {
  type Backend,
  type Completion,
  notBegun,
  type Reservation,
  type RunContext,
  readOwnHandle,
} from "../../task/backend.ts";
import { HadTasks } from "../../task/claims/had-tasks.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { Agents, type AgentsOptions, type Prepared, type Watched } from "./agents.ts";
import { Discards } from "./discards.ts";
import { agentEnvironment, type Environment, MARK_NAME, markOf } from "./environment.ts";
import { type DirectHandle, folderIn, readHandle, writeHandle } from "./handle.ts";
import { makeHarnessFolder } from "./harness-folder.ts";
import { leaveWorkspace } from "./leave-workspace.ts";
import { removeIfEmpty } from "./removal.ts";
import {
  concludeApart,
  concludeUntouched,
  endLeftovers,
  hasAgent,
  LEFTOVER_GRACE_MS,
  seeThrough,
} from "./supervise.ts";
import { TaskHooks } from "./task-hooks.ts";
import { TaskLogs } from "./task-logs.ts";
import {
  folderFor,
  isOwnFolder,
  openWorkspace,
  planWorkspace,
  type Workspace,
  type WorkspacePlan,
  workFolderOf,
} from "./workspace.ts";

export interface DirectOptions extends Pick<AgentsOptions, "oz" | "shim" | "isJournalKept"> {
  readonly settings: DirectSettings;
  readonly cleanup: boolean;
  readonly graceMs: number;
  readonly workerEnvironment: Environment;
  /** What is known of a task's environment by its id alone, for hooks that run after a restart. */
  readonly environmentOf: (taskId: string) => Environment;
  /** Null: no state folder, so nothing can be found again. Asked when a task comes. */
  readonly folders: () => StateFolders | null;
  readonly log: Logger;
}

/** There is nothing to find it by. */
const UNPLANNED: Reservation = { planned: null };

/** A task in its workspace. */
interface Stay {
  readonly workspace: Workspace;
  readonly hooks: TaskHooks | null;
  /** All that is done there, but for leaving it as it has to be left. */
  readonly run: Promise<Completion>;
}

export class DirectBackend implements Backend {
  readonly kind = "direct";
  readonly usesImages = false;
  readonly outlivesWorker = false;
  private readonly options: DirectOptions;
  private readonly surveyor = new Surveyor([MARK_NAME], { birthmarks: true });
  private readonly afterlook: Afterlook;
  private readonly had: HadTasks;
  private readonly discards: Discards;
  private readonly logs: TaskLogs;
  private readonly room: Room;
  private readonly agents: Agents;

  constructor(options: DirectOptions) {
    this.options = options;
    this.agents = new Agents({ ...options, surveyor: this.surveyor });
    this.had = new HadTasks(() => options.folders()?.claimsDir ?? null);
    this.discards = new Discards(() => options.folders()?.discardsDir ?? null);
    const { settings, log } = options;
    this.logs = new TaskLogs({ dir: settings.logDir, maxAgeMs: settings.logMaxAgeMs, log });
    this.room = new Room({ ...directWorkplace(settings), log });
    this.afterlook = new Afterlook(this.surveyor, Math.min(options.graceMs, LEFTOVER_GRACE_MS));
  }

  hasRoom(): boolean {
    return this.room.isEnough();
  }

  reserve({ taskId, task }: Assignment): Reservation | null {
    const plan = this.workspacePlan();
    const isOwn = plan.targetDir === null;
    const dir = folderFor(taskId, plan);
    // One that names no folder cannot be run by anybody, and is told so when it is.
    if (dir === null) return UNPLANNED;
    const isThere = isOwn && existsSync(dir);
    // A dead worker's agent may go on until the next one that starts takes it over. Two agents in one folder would
    // take its files, and each other's processes, for their own.
    if (isThere && hasAgent(dir, task.id, this.surveyor)) return null;
    if (this.had.take(taskId, dir).kind === "taken") return null;
    const workspace = planWorkspace(dir, isThere, plan);
    return { planned: writeHandle(this.firstHandle(workspace, task.snapshot?.harness ?? "")) };
  }

  /**
   * Not async, and its parts apart, for a function that waits holds its parameters: what an agent is started
   * with is let go of once it runs, which it may do for hours.
   */
  run(task: TaskSpec, context: RunContext): Promise<Completion> {
    return this.stay(this.enter(task, context), context);
  }

  private async enter(task: TaskSpec, context: RunContext): Promise<Stay> {
    const { taskId } = task.assignment;
    const scratchDir = readHandle(context.planned ?? null)?.workspace.scratchDir ?? null;
    const workspace = openWorkspace(taskId, { ...this.workspacePlan(), scratchDir });
    if (!workspace.made && isOwnFolder(workspace)) await endLeftovers(workspace, this.surveyor, context.log);
    const hooks = this.hooks(taskId, workspace, task.environment, context);
    const run = this.prepare(task, workspace, hooks, context).then((prepared) =>
      context.step("run", () => this.watch(this.agents.start(taskId, prepared, context), context)),
    );
    return { workspace, hooks, run };
  }

  private async prepare(
    task: TaskSpec,
    workspace: Workspace,
    hooks: TaskHooks | null,
    context: RunContext,
  ): Promise<Prepared> {
    const { settings, oz, workerEnvironment } = this.options;
    const harness = task.assignment.task.snapshot?.harness ?? "";
    const planned = readHandle(context.planned ?? null);
    // Somebody may have made the folder since.
    const isAsPlanned = planned?.workspace.made === workspace.made;
    const first = isAsPlanned ? planned : this.firstHandle(workspace, harness);
    // Before anything runs in it, so that a worker that is killed from here on leaves nothing unknown.
    if (!isAsPlanned) context.saveHandle(writeHandle(first));
    await this.afterlook.yieldTo(markOf(workspace));
    makeHarnessFolder(harness, workspace.dir);
    const fromSetup = hooks === null ? {} : await hooks.setUp();
    context.hide?.(Object.values(fromSetup));
    const handle = { ...first, begun: true };
    if (settings.setupCommand !== null) context.saveHandle(writeHandle(handle));
    const { environment } = task;
    const parts = { worker: workerEnvironment, task: environment, harness, workspace, fromSetup };
    const command = { argv: [oz, ...task.argv], cwd: workspace.dir, env: agentEnvironment(parts) };
    return { command: this.logs.kept(task.assignment.taskId, command), handle };
  }

  async resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const handle = readOwnHandle(saved, readHandle);
    if (handle === null) return this.abandon(ref, context);
    const { workspace } = handle;
    this.logs.begun(ref.taskId);
    const claim = this.had.inherit(ref.taskId, workspace.dir);
    const begunAnewIn = claim.kind === "taken" ? claim.dir : folderIn(context.later);
    // Only in a folder of the task's own would what is done for the dead worker meet what another does, or did.
    if (begunAnewIn === workspace.dir && isOwnFolder(workspace)) {
      this.agents.leave(ref.taskId, handle);
      const run = Promise.resolve().then(() => concludeUntouched(handle, this.options.graceMs, context));
      return this.stay({ workspace: { ...workspace, made: false }, hooks: null, run }, context);
    }
    const hooks = this.hooks(ref.taskId, workspace, this.options.environmentOf(ref.taskId), context);
    const run = this.agents
      .find(ref.taskId, handle)
      .then((found) => context.step("run", () => this.watch(found, context)));
    const concluded = begunAnewIn === null ? run : concludeApart(run, context);
    return this.stay({ workspace, hooks, run: concluded }, context);
  }

  /** Claimed, and perhaps begun, by a worker that was killed in that moment. */
  private async abandon({ taskId }: ExecutionRef, context: RunContext): Promise<Completion> {
    const dir = workFolderOf(taskId, this.options.settings);
    using claim = this.had.inheritBriefly(taskId, dir);
    const isBegunAnew = claim.kind === "taken" || context.later !== undefined;
    const unknown = { exitFile: null, stopping: false, stoppedAt: null };
    if (isBegunAnew) return concludeUntouched(unknown, this.options.graceMs, context);
    // It had not even saved what it made, so nothing ran in it, and it is empty if it was made here.
    if (this.options.cleanup && this.options.settings.targetDir === null) removeIfEmpty(dir);
    throw notBegun();
  }

  forget({ taskId }: ExecutionRef): void {
    this.agents.forget(taskId);
    this.logs.ended(taskId);
    this.had.ended(taskId);
  }

  letGo({ taskId }: ExecutionRef): void {
    this.had.letGo(taskId);
  }

  /** No other worker's tasks are found here, but what dead ones left of theirs. */
  async findOrphans(): Promise<void> {
    this.had.sweep();
    try {
      await this.discards.sweep();
    } catch (error) {
      const why = wordsOf(error);
      this.options.log.warn("cannot remove what an earlier worker left of a workspace", { error: why });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.afterlook[Symbol.asyncDispose]();
    await this.discards[Symbol.asyncDispose]();
    this.had[Symbol.dispose]();
    this.options.shim[Symbol.dispose]();
  }

  private firstHandle(workspace: Workspace, harness: string): DirectHandle {
    const exitFile = newExitFile(this.options.folders());
    const begun = this.options.settings.setupCommand === null;
    return { workspace, harness, exitFile, begun, stopping: false, stoppedAt: null, process: null };
  }

  private workspacePlan(): WorkspacePlan {
    const { workspaceRoot, targetDir, setupCommand, teardownCommand } = this.options.settings;
    return { workspaceRoot, targetDir, needsScratch: setupCommand !== null || teardownCommand !== null };
  }

  private async watch(watched: Watched | Promise<Watched>, context: RunContext): Promise<Completion> {
    const { agent, handle } = await watched;
    const { surveyor, afterlook } = this;
    const { graceMs } = this.options;
    const onStop = (stopping: boolean) =>
      context.saveHandle(writeHandle({ ...handle, stopping, stoppedAt: Date.now() }));
    const options = { surveyor, afterlook, graceMs, stopped: handle, onStop };
    await seeThrough(agent, handle.workspace, options, context);
    return "completed";
  }

  /** Null when there are none: nothing of the task's environment is held for their sake then. */
  private hooks(
    taskId: string,
    workspace: Workspace,
    environment: Environment,
    context: RunContext,
  ): TaskHooks | null {
    const { settings, shim, graceMs, workerEnvironment } = this.options;
    if (settings.setupCommand === null && settings.teardownCommand === null) return null;
    const kept = (command: Command) => this.logs.kept(taskId, command);
    const tools = { shim, graceMs, surveyor: this.surveyor, kept };
    return new TaskHooks({ settings, tools, workerEnvironment, environment, taskId, workspace, context });
  }

  /** Whatever happens in it, what this worker made for the task is gone afterwards. */
  private async stay(entered: Stay | Promise<Stay>, context: RunContext): Promise<Completion> {
    const { workspace, hooks, run } = await entered;
    try {
      return await run;
    } finally {
      await hooks?.tearDown();
      await leaveWorkspace(workspace, { keep: !this.options.cleanup, discards: this.discards }, context);
    }
  }
}
