/** The agents of the tasks that this worker has: started under its shim, or found again after a restart. */
import { NO_GROUP } from "../../process/process-table.ts";
import type { ShimClient } from "../../process/shim/client.ts";
import { removeExitFile } from "../../process/shim/exit-file.ts";
import { SHIM_KILLED, SpawnRefused } from "../../process/shim/refused.ts";
import { foundWard, searchWard, startedWard, type Ward } from "../../process/shim/ward.ts";
import type { Surveyor } from "../../process/stragglers.ts";
import type { Command } from "../../runtime/spawn.ts";
import { notPrepared, type RunContext } from "../../task/backend.ts";
import { markOf } from "./environment.ts";
import { type DirectHandle, writeHandle } from "./handle.ts";
import { refusalOf } from "./refusal.ts";
import { killUnknownAgent } from "./supervise.ts";

export interface AgentsOptions {
  /** The agent's executable, absolute. */
  readonly oz: string;
  readonly shim: ShimClient;
  readonly surveyor: Surveyor;
  /** False while the disk fails under the journal: what was told as safe by then goes with this worker. */
  readonly isJournalKept: () => boolean;
}

/** One that is about to be started. */
export interface Prepared {
  readonly command: Command;
  readonly handle: DirectHandle;
}

/** One that was. */
export interface Watched {
  readonly agent: Ward;
  readonly handle: DirectHandle;
}

/** What is kept of an agent for a restart may go once its result is safe. */
type Forgettable = Pick<Ward, "forget">;

export class Agents {
  private readonly options: AgentsOptions;
  /** Of tasks whose result is not safe on disk yet, by task id. */
  private readonly wards = new Map<string, Forgettable>();
  /** Of tasks whose result is in a journal that is in memory for now: forgotten with the next one that is on disk. */
  private readonly ended = new Set<Forgettable>();

  constructor(options: AgentsOptions) {
    this.options = options;
  }

  /** Throws TaskFailure, or the signal's reason. */
  async start(
    taskId: string,
    { command, handle }: Prepared,
    { signal, saveHandle }: RunContext,
  ): Promise<Watched> {
    const agent = await this.spawn(command, handle, signal);
    this.wards.set(taskId, agent);
    // Its status is safe with the shim, and without a group there is nothing else to be found by its pid.
    if (agent.isOver && agent.groupId() === NO_GROUP) return { agent, handle };
    const found = { ...handle, process: agent.identity, shim: agent.shim };
    saveHandle(writeHandle(found));
    return { agent, handle: found };
  }

  /** That of a dead worker. Throws TaskFailure when it was never started, and then nothing of it is left. */
  async find(taskId: string, handle: DirectHandle): Promise<Watched> {
    const agent = await this.search(handle);
    if (agent === null) {
      await killUnknownAgent(handle.workspace, this.options.surveyor);
      throw notPrepared();
    }
    this.wards.set(taskId, agent);
    return { agent, handle };
  }

  /** One that nobody looks after any more, for its folder is another worker's by now: what is written down of it goes with the others. */
  leave(taskId: string, { exitFile }: Pick<DirectHandle, "exitFile">): void {
    if (exitFile !== null) this.wards.set(taskId, { forget: () => removeExitFile(exitFile) });
  }

  /**
   * What is kept for a restart stays while the journal is in memory: a worker that comes after a crash finds the task
   * as one that runs, and would say of one that ended well that nobody knows how.
   */
  forget(taskId: string): void {
    const ward = this.wards.get(taskId);
    if (ward === undefined) return;
    this.wards.delete(taskId);
    this.ended.add(ward);
    if (!this.options.isJournalKept()) return;
    for (const one of this.ended) one.forget();
    this.ended.clear();
  }

  /** Null: as far as anybody knows it was never started. */
  private async search({ workspace, exitFile, begun, process, shim }: DirectHandle): Promise<Ward | null> {
    if (exitFile === null || !begun) return null;
    if (process !== null) return foundWard(process, exitFile, shim);
    const found = await searchWard(markOf(workspace), exitFile, this.options.surveyor);
    return typeof found === "string" ? null : found;
  }

  private async spawn(
    command: Command,
    { exitFile, workspace }: DirectHandle,
    signal: AbortSignal,
  ): Promise<Ward> {
    const { oz, shim, surveyor } = this.options;
    try {
      return startedWard(await shim.spawn(command, exitFile, { mark: markOf(workspace) }));
    } catch (error) {
      if (!(error instanceof SpawnRefused)) throw error;
      // It may have started before its shim was killed, and nobody has its pid.
      if (error.code === SHIM_KILLED) {
        await killUnknownAgent(workspace, surveyor);
        signal.throwIfAborted();
      }
      throw refusalOf(oz, command.cwd, error);
    }
  }
}
