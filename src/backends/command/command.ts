/**
 * Command: an engine of the operator's own runs the tasks. A command of theirs is given each task on
 * its standard input; once it has exited with 0 the task is that engine's, and reports by itself.
 * The command's parent is the shim, so that its true end is known after a crash of the worker too.
 */
import { once } from "../../config/once.ts";
import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import type { StateFolders } from "../../journal/place.ts";
import type { Redact } from "../../logging/redact.ts";
import { newExitFile } from "../../process/shim/exit-file.ts";
import { foundWard, searchWard, startedWard, type Ward } from "../../process/shim/ward.ts";
import { dispatchPayload } from "../../protocol/dispatch-payload.ts";
import { imageOf } from "../../protocol/stand-ins.ts";
import {
  type Backend,
  type Completion,
  type RunContext,
  readOwnHandle,
  TaskFailure,
} from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { listSidecars } from "../../task/sidecars.ts";
import { tellEngine } from "./cancel.ts";
import { confidentialTexts, confidentialValues } from "./confidential.ts";
import { concludeDispatch, giveUpUnheard, NOTHING_TO_HIDE } from "./dispatch.ts";
import { dispatchEnvironment, markOf } from "./environment.ts";
import { type DispatchHandle, type Ending, readHandle, writeHandle } from "./handle.ts";
import { redactorOf } from "./last-words.ts";
import { type CommandTools, type ShellCall, ShellUnheard, startShell } from "./tools.ts";

export interface CommandOptions extends CommandTools {
  readonly workerId: string;
  readonly serverRootUrl: string;
  /** Null: no state folder, so nothing can be found again. Asked when a task comes. */
  readonly folders: () => StateFolders | null;
}

export class CommandBackend implements Backend {
  readonly kind = "command";
  readonly usesImages = true;
  /** A task that was handed over goes on. What a stop waits for is a dispatch in the middle of it. */
  readonly outlivesWorker = false;
  private readonly options: CommandOptions;
  /** Of dispatches whose end is not safe on disk yet, by task id. */
  private readonly wards = new Map<string, Ward>();

  constructor(options: CommandOptions) {
    this.options = options;
  }

  get rememberHandedOffMs(): number {
    return this.options.settings.handedOffTtlMs;
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
    return context.step("run", () => this.conclude(ref, ward, handle, redact, context));
  }

  async resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const handle = readOwnHandle(saved, readHandle);
    if (handle === null || handle.exitFile === null) throw notBegun();
    const { process, exitFile, shim } = handle;
    const ward =
      process === null
        ? await searchWard(markOf(ref), exitFile, this.options.surveyor)
        : foundWard(process, exitFile, shim);
    if (ward === "never-begun") throw notBegun();
    if (ward === "unheard") throw unheard();
    this.wards.set(ref.taskId, ward);
    return context.step("run", () => this.conclude(ref, ward, handle, NOTHING_TO_HIDE, context));
  }

  private conclude(
    ref: ExecutionRef,
    ward: Ward,
    handle: DispatchHandle,
    redact: Redact,
    context: RunContext,
  ): Promise<Completion> {
    const { deadline, ending } = handle;
    const onEnding = (next: Ending) => context.saveHandle(writeHandle({ ...handle, ending: next }));
    return concludeDispatch({ ref, ward, deadline, ending, onEnding, redact }, this.options, context);
  }

  async cancelHandedOff(ref: ExecutionRef, context: RunContext): Promise<void> {
    await tellEngine(ref, this.options, context);
  }

  forget({ taskId }: ExecutionRef): void {
    this.wards.get(taskId)?.forget();
    this.wards.delete(taskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
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
