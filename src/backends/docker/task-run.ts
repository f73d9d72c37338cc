/** One task's container from its creation to its removal, and how it ended. */
import { createRedactor } from "../../logging/redact.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { SIGKILLED } from "../../process/how-it-ended.ts";
import { isCancelled, isShutdown, type RunContext, TaskFailure, TaskStopped } from "../../task/backend.ts";
import {
  type Ended,
  endOf,
  failureOf,
  forgottenFailure,
  goneFailure,
  hasBegun,
  isBeingRemoved,
  isForgotten,
  isRestarting,
  mayBeStopping,
  stopIn,
  stopOf,
} from "./container-end.ts";
import { quoteOutput, secretsOf, showOutput } from "./container-output.ts";
import { createOnce } from "./creation.ts";
import type { Disposal } from "./disposal.ts";
import type { ContainerBody } from "./engine/container-body.ts";
import { isGoing, shortIdOf } from "./engine/container-state.ts";
import type { ContainerState } from "./engine/containers.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineGone, isMissingOrGoing } from "./engine/errors.ts";
import { type DockerHandle, writeHandle } from "./handle.ts";
import { patiently, persist } from "./persist.ts";
import { endRestarts, findEarlierEnd, mayRun, stopContainer } from "./stop.ts";
import type { Test, Watcher } from "./watcher.ts";

export interface TaskRunTools {
  readonly engine: Engine;
  readonly watcher: Watcher;
  readonly graceMs: number;
  /** False: what has run stays. */
  readonly cleanup: boolean;
  /** True: the output of tasks that ended well is logged too, at debug. */
  readonly verbose: boolean;
  readonly disposal: Disposal;
  /** This process's, as its marks in the engine have it. */
  readonly instance: string;
}

/** A busy engine may tell of a container's end before it tells why the kernel ended it. */
const LATE_OOM_MS = 500;
const GOES_ON = "engine does not answer: the container goes on, and the next start of the worker takes it up";
const STUCK_HINT =
  "the task is reported once the container has ended; if it does not, look at the engine's log, and end the container's shim (containerd-shim or conmon with that id) or restart the engine";

export class TaskRun {
  /** The container's name. */
  readonly container: string;
  private handle: DockerHandle;
  private readonly tools: TaskRunTools;
  private readonly context: RunContext;
  /** True as soon as the task's own program has begun: only then is there something worth keeping. */
  private begun: boolean;
  private oomHeard = false;
  /** Started here or seen to run, and the engine has answered ever since: its host was not started anew meanwhile. */
  private followed = false;
  /** As far as anybody knows, at the task's end: then it is nothing to be kept. */
  private mayStillRun = false;

  constructor(handle: DockerHandle, tools: TaskRunTools, context: RunContext) {
    this.handle = handle;
    this.container = handle.container;
    this.begun = handle.started;
    this.tools = tools;
    this.context = context;
  }

  /** Resolves with the container's id. Throws a TaskFailure (`container_create`), or the signal's reason. */
  async create(body: ContainerBody): Promise<string> {
    const { containers } = this.tools.engine;
    // Of an earlier one that was of no use: what is to be removed is whatever has the name.
    this.handle = { ...this.handle, id: "" };
    try {
      const id = await createOnce(containers, this.container, body, this.context);
      this.handle = { ...this.handle, id };
      return id;
    } catch (error) {
      throw this.failure("container_create", "cannot create the container", error);
    }
  }

  /**
   * False when somebody removed it before: nothing of the task has begun. Throws a TaskFailure
   * (`container_start`), or the signal's reason.
   */
  async start(id: string): Promise<boolean> {
    const { containers } = this.tools.engine;
    const { signal } = this.context;
    let asked = false;
    try {
      const started = await persist(async (trying) => {
        // The answer of an earlier try was lost: a task that has ended meanwhile must not begin again.
        if (asked && hasBegun(await containers.inspect(id, trying))) return true;
        const mayHaveBegun = asked;
        // Before the engine is asked: it goes on with the start when this worker is killed.
        if (!asked) this.save({ starting: true });
        asked = true;
        try {
          await containers.start(id, trying);
          this.followed = true;
          return true;
        } catch (error) {
          if (!mayHaveBegun && (await this.isGone(id, error, trying))) return false;
          throw error;
        }
      }, signal);
      if (!started) {
        this.save({ starting: false });
        return false;
      }
      this.begun = true;
      this.save({ started: true });
      return true;
    } catch (error) {
      // The engine goes on with a start whose caller hung up. One that has ended already is seen to its end.
      if (signal.aborted && asked && (await this.stop(id)) !== null) return true;
      throw this.failure("container_start", "cannot start the container", error);
    }
  }

  /**
   * Of one that was started, here or by an earlier worker. Stops it when the signal fires, and rejects
   * with its reason then. Throws a TaskFailure.
   */
  async finish(id: string): Promise<void> {
    this.begun = true;
    const { signal, log } = this.context;
    const { verbose, engine } = this.tools;
    const { containers, isPodman } = engine;
    let state: ContainerState | null;
    try {
      state = await this.whenEnded(id);
    } catch (error) {
      if (!signal.aborted) {
        await this.lookWhetherItRuns(id, "engine does not tell of the container", error);
        throw this.failure("container_wait", "cannot wait for the container", error);
      }
      state = await this.stop(id);
      // The user's word comes first, however it ended.
      if (state === null || isCancelled(signal)) throw signal.reason;
    }
    if (state === null || isBeingRemoved(state)) throw goneFailure(this.container);
    // Podman says when each ended. Its host may have been reset, and be up again, between two looks.
    if (isForgotten(state, this.followed && !isPodman))
      throw this.handle.stopping ? new TaskStopped("shutdown") : forgottenFailure(this.container);
    if (isRestarting(state)) await endRestarts(containers, { id, container: this.container }, log);
    const finished = Date.parse(state.finishedAt);
    const finishedAt = Number.isNaN(finished) ? null : finished;
    const oomKilled = state.oomKilled || (state.exitCode === SIGKILLED && (await this.wasOutOfMemory(id)));
    const result = { exitCode: state.exitCode, oomKilled, finishedAt };
    // From here on the container is not needed to know how the task ended.
    this.save({ started: true, result });
    const secrets = createRedactor(secretsOf(state.env));
    const failed = result.exitCode !== 0;
    const lines = failed || verbose ? await showOutput(containers, id, { failed, redact: secrets }, log) : [];
    const end =
      stopOf(this.handle, result, this.tools.graceMs) ??
      failureOf(result, quoteOutput(lines, secrets), state.error);
    if (end !== null) throw end;
  }

  /** Whatever happened: nothing of it stays in the engine, unless the operator wants to look at it. */
  async remove(): Promise<void> {
    const { cleanup, disposal, instance } = this.tools;
    const { container, id } = this.handle;
    const spent = { container, id, keep: this.begun && !cleanup && !this.mayStillRun };
    await disposal.dispose(spent, this.context, () => {
      // Before there is a mark: a worker that dies behind its own has to know it again.
      const settlers = [...new Set([...this.handle.settlers, instance])];
      this.save({ started: this.begun, settlers });
    });
  }

  /** Null: it is gone, and was so at a second look: a task that ends well is not lost to one wrong answer. */
  private async whenEnded(id: string): Promise<ContainerState | null> {
    const { engine, watcher } = this.tools;
    const { signal } = this.context;
    const look: Test<Ended> = (seen, { oom, silence }) => {
      this.oomHeard ||= oom;
      this.followed = !silence && (this.followed || seen?.running === true);
      return this.lookAt(seen);
    };
    for (;;) {
      const { state } = await watcher.until(id, look, signal);
      if (state !== null) return state;
      const again = await patiently((trying) => engine.containers.find(id, trying), signal);
      if (again === null) return null;
    }
  }

  /**
   * Of one that ended with SIGKILL, without the engine's state saying why: it is written at the end, and
   * misses what the engine heard from the kernel later, or lost. An agent that goes on after a child of its
   * own was killed ends with another status.
   */
  private async wasOutOfMemory(id: string): Promise<boolean> {
    if (this.oomHeard) return true;
    const late: Test<true> = (state, { oom }) => oom || state?.oomKilled === true || null;
    return this.tools.watcher.until(id, late, AbortSignal.timeout(LATE_OOM_MS)).catch(() => false);
  }

  /** As `endOf`. One that runs long after its grace was not stopped: an earlier worker's request was lost. */
  private lookAt(state: ContainerState | null): Ended | null {
    const { handle, tools } = this;
    if (state?.running && stopIn(handle) !== null && !mayBeStopping(handle, Date.now(), tools.graceMs))
      this.save({ stopping: false, stoppedAt: null });
    return endOf(state);
  }

  private save(more: Partial<DockerHandle>): void {
    this.handle = { ...this.handle, ...more };
    this.context.saveHandle(writeHandle(this.handle));
  }

  /** Its state, where it had ended before; null: it was stopped, as far as the engine tells. */
  private async stop(id: string): Promise<ContainerState | null> {
    const { container, tools, handle: before } = this;
    const { engine, watcher, graceMs } = tools;
    const { hurry, log, signal } = this.context;
    const stoppedAt = Date.now();
    // A cancellation is in the journal. Of the worker's own end nobody would know, once it is too quick.
    this.save({ started: true, stopping: isShutdown(signal), stoppedAt });
    log.debug("stopping the container", { container, graceMs });
    const onStuck = () =>
      log.warn("engine has not stopped the container although its grace period is over: killing it", {
        container,
        id: shortIdOf(id),
        hint: STUCK_HINT,
      });
    let ended: ContainerState | null;
    try {
      ended = await stopContainer(engine.containers, { id, graceMs, hurry, onStuck });
    } catch (error) {
      if (!(error instanceof EngineGone)) {
        await this.lookWhetherItRuns(id, "engine refuses to stop the container", error);
        return null;
      }
      log.warn(GOES_ON, { container });
      // Not to be called stopped: as far as anybody knows it runs.
      return await new Promise<never>(() => {});
    }
    // Of one that its user cancelled nobody asks when it ended.
    if (ended === null && !isCancelled(signal))
      ended = await findEarlierEnd(watcher, id, { stoppedAt, hurry });
    // Whatever an earlier worker had asked for counts again.
    if (ended !== null) this.save({ stopping: before.stopping, stoppedAt: before.stoppedAt });
    return ended;
  }

  private async lookWhetherItRuns(id: string, what: string, error: unknown): Promise<void> {
    this.mayStillRun = await mayRun(this.tools.engine.containers, id);
    if (this.mayStillRun)
      this.context.log.warn(`${what}: removing it, for it may run`, {
        container: this.container,
        error: wordsOf(error),
      });
  }

  /** What the engine has refused it did because there is no such container, or none any more. */
  private async isGone(id: string, refusal: unknown, signal: AbortSignal): Promise<boolean> {
    if (!isMissingOrGoing(refusal)) return false;
    return isGoing(await this.tools.engine.containers.find(id, signal));
  }

  private failure(
    reason: "container_create" | "container_start" | "container_wait",
    what: string,
    error: unknown,
  ) {
    if (this.context.signal.aborted) return this.context.signal.reason;
    return new TaskFailure(reason, `${what}: ${wordsOf(error)}`, { cause: error });
  }
}
