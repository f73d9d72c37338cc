/**
 * Command: an engine of the operator's own runs the tasks. A command of theirs is given each task on
 * its standard input; once it has exited with 0 the task is that engine's, and reports by itself.
 * The command's parent is the shim, so that its true end is known after a crash of the worker too.
 */
import { once } from "../../config/once.ts";
import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import type { StateFolders } from "../../journal/place.ts";
import { newExitFile } from "../../process/shim/exit-file.ts";
import { foundWard, searchWard, startedWard, type Ward } from "../../process/shim/ward.ts";
import { NO_MARK } from "../../process/stragglers.ts";
import type { Assignment } from "../../protocol/assignment.ts";
import { dispatchPayload } from "../../protocol/dispatch-payload.ts";
import { imageOf } from "../../protocol/stand-ins.ts";
import {
  type Backend,
  type Completion,
  type Reservation,
  type RunContext,
  readOwnHandle,
  TaskFailure,
} from "../../task/backend.ts";
import type { Claim } from "../../task/claims/task-claims.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { listSidecars } from "../../task/sidecars.ts";
import { tellEngine } from "./cancel.ts";
import { confidentialTexts, confidentialValues } from "./confidential.ts";
import { concludeDispatch, type Dispatch, giveUpUnheard, NOTHING_TO_HIDE } from "./dispatch.ts";
import { dispatchEnvironment, markOf } from "./environment.ts";
import { type DispatchHandle, type Ending, readHandle, writeHandle } from "./handle.ts";
import { redactorOf } from "./last-words.ts";
import { Siblings } from "./siblings.ts";
import { type CommandTools, type ShellCall, ShellUnheard, startShell } from "./tools.ts";

export interface CommandOptions extends CommandTools {
  readonly workerId: string;
  readonly serverRootUrl: string;
  /** Null: no state folder, so nothing can be found again. Asked when a task comes. */
  readonly folders: () => StateFolders | null;
}

interface RunningDispatch extends Pick<Dispatch, "ref" | "ward" | "mark" | "redact"> {
  readonly handle: DispatchHandle;
}

/** `run` saves a handle when it is about to dispatch: before that, it is safe to say that nothing was. */
const UNPLANNED: Reservation = { planned: null };

export class CommandBackend implements Backend {
  readonly kind = "command";
  readonly usesImages = true;
  /** A task that was handed over goes on. What a stop waits for is a dispatch in the middle of it. */
  readonly outlivesWorker = false;
  private readonly options: CommandOptions;
  /** Of dispatches whose end is not safe on disk yet, by task id. */
  private readonly wards = new Map<string, Ward>();
  private readonly siblings: Siblings;

  constructor(options: CommandOptions) {
    this.options = options;
    this.siblings = new Siblings(options.folders, options.surveyor);
  }

  get rememberHandedOffMs(): number {
    return this.options.settings.handedOffTtlMs;
  }

  reserve(assignment: Assignment): Reservation | null {
    return this.siblings.take(assignment) ? UNPLANNED : null;
  }

  async run(task: TaskSpec, context: RunContext): Promise<Completion> {
    const { taskId, executionId } = requireNames(task);
    const ref = { taskId, executionId };
    const { settings, secrets, workerId, serverRootUrl } = this.options;
    const input = this.payloadOf(task);
    const exitFile = newExitFile(this.options.folders());
    const deadline = Date.now() + settings.dispatchTimeoutMs;
    // Before it runs, so that a worker that is killed from here on can look for it.
    const unbegun = { exitFile, deadline, ending: null, process: null };
    context.saveHandle(writeHandle(unbegun));
    const call = {
      name: "dispatch_command",
      text: settings.dispatchCommand,
      env: this.environmentOf(task),
      input,
      exitFile,
    } as const;
    const ward = await this.start(call, ref, context);
    this.wards.set(taskId, ward);
    const handle = { ...unbegun, process: ward.identity, shim: ward.shim };
    context.saveHandle(writeHandle(handle));
    // Made when there is something to show: of a long prompt it takes a tenth of a second.
    const redactor = once(() =>
      redactorOf([
        ...secrets,
        ...confidentialValues(task.environment, [taskId, executionId, workerId, serverRootUrl]),
        ...confidentialTexts(task.assignment),
      ]),
    );
    const redact = (text: string) => (text === "" ? "" : redactor()(text));
    const dispatch = { ref, ward, mark: markOf(ref), handle, redact };
    return context.step("run", () => this.conclude(dispatch, context));
  }

  async resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const claim = this.siblings.inherit(ref);
    try {
      return await this.takeUp(ref, saved, claim, context);
    } catch (error) {
      const completion = this.siblings.completionOf(ref, claim, context.signal);
      if (completion === null) throw error;
      context.log.info(
        "another worker on this host has the task, or has handed it over: what became of it here is not told",
      );
      return completion;
    }
  }

  private async takeUp(
    ref: ExecutionRef,
    saved: Handle | null,
    claim: Claim,
    context: RunContext,
  ): Promise<Completion> {
    const handle = readOwnHandle(saved, readHandle);
    if (handle === null || handle.exitFile === null) throw notBegun();
    const { process, exitFile, shim } = handle;
    // What has its mark is the other's, and is left alone.
    const mark = claim.kind === "taken" ? NO_MARK : markOf(ref);
    const ward =
      process === null
        ? await searchWard(mark, exitFile, this.options.surveyor)
        : foundWard(process, exitFile, shim);
    if (ward === "never-begun") throw notBegun();
    if (ward === "unheard") throw unheard();
    this.wards.set(ref.taskId, ward);
    const dispatch = { ref, ward, mark, handle, redact: NOTHING_TO_HIDE };
    return context.step("run", () => this.conclude(dispatch, context));
  }

  private async conclude(running: RunningDispatch, context: RunContext): Promise<Completion> {
    const { ref, ward, mark, handle, redact } = running;
    const { deadline, ending } = handle;
    const onEnding = (next: Ending) => context.saveHandle(writeHandle({ ...handle, ending: next }));
    const dispatch = { ref, ward, mark, deadline, ending, onEnding, redact };
    const completion = await concludeDispatch(dispatch, this.options, context);
    // Before its end is in the journal: whoever comes after a crash between the two finds its status again.
    if (completion === "handed-off") this.siblings.handedOff(ref);
    return completion;
  }

  async cancelHandedOff(ref: ExecutionRef, context: RunContext): Promise<void> {
    await tellEngine(ref, this.options, context);
  }

  forget({ taskId }: ExecutionRef): void {
    this.wards.get(taskId)?.forget();
    this.wards.delete(taskId);
    this.siblings.ended(taskId);
  }

  letGo({ taskId }: ExecutionRef): void {
    this.siblings.letGo(taskId);
  }

  /** No other worker's tasks are found here, but what dead ones left of theirs. */
  async findOrphans(): Promise<void> {
    this.siblings.sweep();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.siblings[Symbol.dispose]();
    this.options.shim[Symbol.dispose]();
  }

  private async start(call: ShellCall, ref: ExecutionRef, context: RunContext): Promise<Ward> {
    try {
      return startedWard(await startShell(call, this.options));
    } catch (error) {
      if (error instanceof ShellUnheard) return giveUpUnheard(ref, this.options, context);
      throw error;
    }
  }

  private payloadOf({ assignment, argv, environment }: TaskSpec): string {
    const { workerId, serverRootUrl } = this.options;
    const sidecars = listSidecars(assignment);
    return JSON.stringify(
      dispatchPayload({ assignment, argv, environment, sidecars, workerId, serverRootUrl }),
    );
  }

  private environmentOf({ assignment }: TaskSpec) {
    const { serverRootUrl, environments } = this.options;
    return dispatchEnvironment(assignment, { serverRootUrl, image: imageOf(assignment) }, environments);
  }
}

function notBegun(): TaskFailure {
  return new TaskFailure(
    "dispatch_command",
    "the worker was killed before it had dispatched the task; it is safe to retry",
  );
}

function unheard(): TaskFailure {
  return new TaskFailure(
    "dispatch_command",
    "nobody knows whether dispatch_command was run: the worker was killed in the moment in which it dispatched the task; look whether your engine has the task before it is retried",
  );
}

/** They become environment variables, which cannot hold every text. */
function requireNames({ assignment }: TaskSpec): ExecutionRef {
  const names = [
    ["task_id", assignment.taskId],
    ["docker_image", assignment.dockerImage],
  ] as const;
  for (const [name, value] of names) {
    if (value.includes("\0")) {
      throw new TaskFailure(
        "dispatch_command",
        `cannot dispatch the task: ${name} has a NUL character in it`,
      );
    }
  }
  return assignment;
}
