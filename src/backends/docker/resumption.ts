/**
 * Takes up the container of a task that an earlier worker began: it may be another worker's by now, or gone. How it ended
 * is told by the engine, or by what that worker saved.
 */
import { Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/wait.ts";
import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import { wordsOf } from "../../logging/words-of.ts";
import {
  type Completion,
  isCancelled,
  notBegun,
  type RunContext,
  readOwnHandle,
  TaskFailure,
} from "../../task/backend.ts";
import { BadAnswers } from "./bad-answers.ts";
import {
  elsewhereFailure,
  failureOf,
  goneFailure,
  goneUnseenFailure,
  hasBegun,
  stopIn,
  stopOf,
  unheardFailure,
} from "./container-end.ts";
import { EngineError } from "./engine/errors.ts";
import { type DockerHandle, readHandle, writeHandle } from "./handle.ts";
import type { Claim, Claims, Sought } from "./ownership/claims.ts";
import { inContainer } from "./stay.ts";
import { TaskRun, type TaskRunTools } from "./task-run.ts";

export interface ResumptionOptions {
  readonly claims: Claims;
  /** Names and ids of containers that this process has resumed. */
  readonly ownedHere: Set<string>;
  readonly tools: TaskRunTools;
}

/** For the mark that a task which was taken over is reported. */
const SETTLE_MS = 30_000;
/** Between tries to take up a container. */
const TROUBLED = { firstMs: 500, lastMs: 10_000 };

export class Resumption {
  private readonly options: ResumptionOptions;

  constructor(options: ResumptionOptions) {
    this.options = options;
  }

  async resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const earlier = readOwnHandle(saved, readHandle);
    if (earlier === null) throw notBegun();
    const { container, id } = earlier;
    // From the first moment on, so that the search for orphans does not find it, whatever it is called now.
    const names = new Set<string>();
    const own = (name: string) => {
      names.add(name);
      this.options.ownedHere.add(name);
    };
    own(container);
    if (id !== "") own(id);
    try {
      // Before there is a lock or a mark: a worker that dies behind its own has to know it again, and may come back
      // where nobody can see that this process is dead.
      const handle = { ...earlier, settlers: [...earlier.settlers, this.options.tools.instance] };
      context.saveHandle(writeHandle(handle));
      const sought = { ...ref, container, id, onFound: own, predecessors: earlier.settlers };
      const claim = await this.claim(sought, earlier, context);
      if (isForUs(claim, earlier)) return await this.resumeClaimed(handle, claim, context);
      if (claim.kind === "ours") await claim.release();
      return "handed-off";
    } finally {
      for (const name of names) this.options.ownedHere.delete(name);
    }
  }

  private async resumeClaimed(saved: DockerHandle, claim: Claim, context: RunContext): Promise<Completion> {
    const { container } = saved;
    let handle = saved;
    if (claim.kind === "ours") {
      handle = { ...saved, id: claim.state.id, engine: this.address };
      context.saveHandle(writeHandle(handle));
      claim.keep();
    }
    try {
      const run = new TaskRun(handle, this.options.tools, context);
      const pickedUp = this.pickUp(handle, claim, run, context).finally(async () => {
        // Before the container goes: a journal that turns up later has to find one or the other. There may be one
        // of a worker that had adopted it and died, whoever of its workers is the first to be back.
        if (claim.kind !== "reported")
          await this.options.claims.settle(container, AbortSignal.timeout(SETTLE_MS));
      });
      return await inContainer({ run, work: pickedUp });
    } finally {
      if (claim.kind === "ours") await claim.release();
    }
  }

  /** A task that is stopped meanwhile has to be found first all the same: only then it can be stopped gently. */
  private async claim(sought: Sought, { result }: DockerHandle, { hurry, log }: RunContext): Promise<Claim> {
    // Each try has asked for several times what was refused.
    const bad = new BadAnswers(1);
    const backoff = new Backoff(TROUBLED);
    for (let tries = 1; ; tries++) {
      try {
        return await this.options.claims.take(sought, hurry);
      } catch (error) {
        // Not to be called stopped: as far as anybody knows it runs, and the next worker takes it up.
        if (hurry.aborted) return await new Promise<never>(() => {});
        if (bad.areEnoughWith(error)) {
          // How it ended is in the journal, whatever the engine will tell of it.
          if (result !== null) return { kind: "gone" };
          throw error instanceof EngineError ? cannotTakeUp(sought.container, error) : error;
        }
        const { container } = sought;
        if (tries === 1)
          log.warn("engine is in trouble while a container is taken up: trying again", {
            container,
            error: wordsOf(error),
          });
      }
      await pause(backoff.next(), hurry);
    }
  }

  private async pickUp(handle: DockerHandle, claim: Claim, run: TaskRun, context: RunContext): Promise<void> {
    if (handle.result !== null) {
      const end =
        stopOf(handle, handle.result, this.options.tools.graceMs) ?? failureOf(handle.result, null, "");
      if (end !== null) throw end;
      return;
    }
    if (claim.kind !== "ours") throw whenGone(handle, this.address, context.signal);
    const { state } = claim;
    if (!hasBegun(state)) throw whenNotBegun(handle);
    await context.step("run", () => run.finish(state.id));
  }

  /** Of the engine. */
  private get address(): string {
    return this.options.tools.engine.chosen.label;
  }
}

function cannotTakeUp(container: string, error: EngineError): TaskFailure {
  const what = `cannot take up the container ${container} after a restart of the worker`;
  return new TaskFailure("container_wait", `${what}: ${error.message}`, { cause: error });
}

/**
 * Of a task whose container nobody has: one that was to be stopped was, and then removed by the one that died. Another
 * engine than that one's knows nothing of it.
 */
function whenGone(handle: DockerHandle, address: string, signal: AbortSignal): Error {
  const { container, engine, started, starting } = handle;
  if (engine !== "" && engine !== address) return elsewhereFailure(handle, address);
  if (isCancelled(signal)) return signal.reason;
  // It was stopped for that, and removed. Its time may have run out after somebody else had removed it, too.
  const stopped = stopIn(handle);
  if (stopped !== null) return stopped;
  if (started) return goneFailure(container);
  return starting ? goneUnseenFailure(container) : notBegun();
}

/**
 * Of a task whose container has not been started, for all that its engine knows. One that was killed in the moment of a
 * start has forgotten that, and the agent may run.
 */
function whenNotBegun(handle: DockerHandle): Error {
  const stopped = stopIn(handle);
  if (stopped !== null) return stopped;
  return handle.starting ? unheardFailure() : notBegun();
}

/** False when it is for another worker to report, or was reported by one. */
function isForUs(claim: Claim, { settlers }: DockerHandle): boolean {
  switch (claim.kind) {
    case "ours":
      return claim.endedBy === null || settlers.includes(claim.endedBy);
    case "reported":
      return settlers.includes(claim.by);
    case "another's":
      return false;
    case "gone":
      return true;
    default:
      return claim satisfies never;
  }
}
