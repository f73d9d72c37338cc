/** Containers of dead workers of this worker id: their tasks are offered to this one. */
import { expiring } from "../../async/wait.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Adoption, Orphan } from "../../task/backend.ts";
import type { Disposal } from "./disposal.ts";
import { type ContainerSummary, nameOf } from "./engine/container-state.ts";
import type { Engine } from "./engine/engine.ts";
import { newHandle, writeHandle } from "./handle.ts";
import { LABELS, labelFilter } from "./labels.ts";
import { Leavings } from "./leavings.ts";
import type { Claims } from "./ownership/claims.ts";
import type { EndedMarks } from "./ownership/ended-marks.ts";
import { Owners, type OwnersOptions } from "./ownership/owners.ts";
import { Refusals } from "./refusals.ts";
import { isKept } from "./task-container.ts";

export interface OrphansOptions extends OwnersOptions {
  readonly workerId: string;
  readonly engine: Engine;
  readonly claims: Claims;
  readonly marks: EndedMarks;
  readonly disposal: Disposal;
  /** Names and ids of containers that this process holds already. */
  readonly ownedHere: ReadonlySet<string>;
  readonly cleanup: boolean;
  readonly graceMs: number;
}

export type Adopt = (orphan: Orphan) => Adoption;

/**
 * For so long a dead worker may come back with its journal, which knows more than labels do; a worker
 * that starts does not wait, since it may be the one.
 */
export const RETURN_MS = 120_000;

interface Turn {
  readonly adopt: Adopt;
  readonly patienceMs: number;
  /** Ids of containers whose tasks' ends were told. */
  readonly marked: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

const CLEAR_MS = 30_000;

export class Orphans {
  private readonly options: OrphansOptions;
  private readonly owners: Owners;
  private readonly refusals: Refusals;
  private readonly leavings: Leavings;
  /** As the last look found them. */
  private spent: ContainerSummary[] = [];
  /** Since when its owner is seen dead, by container id, by the clock of performance.now(). */
  private readonly deadSince = new Map<string, number>();

  constructor(options: OrphansOptions) {
    this.options = options;
    this.owners = new Owners(options);
    this.refusals = new Refusals(options.log, "cannot take care of what a dead worker left");
    this.leavings = new Leavings({ ...options, owners: this.owners, refusals: this.refusals });
  }

  /**
   * What the engine refuses for one container is put off, and does not keep the others from being seen.
   * What is found to be spent is for `clearSpent`. Throws EngineGone.
   */
  async look(adopt: Adopt, patienceMs: number, signal: AbortSignal): Promise<void> {
    const { engine, workerId, marks } = this.options;
    const labels = [labelFilter("workerId", workerId)];
    const containers = await engine.containers.list({ labels, all: true }, signal);
    const marked = new Set(await marks.list(signal));
    const turn: Turn = { adopt, patienceMs, marked, signal };
    this.spent = [];
    for (const container of containers) {
      await this.refusals.puttingOff(container.id, { container: nameOf(container) }, async () => {
        if (await this.lookAt(container, turn)) this.spent.push(container);
      });
    }
    const present = new Set(containers.map(({ id }) => id));
    const copies = await this.leavings.sweepCopies(signal);
    await this.leavings.pruneMarks(marked, present, signal);
    for (const id of this.deadSince.keys()) if (!present.has(id)) this.deadSince.delete(id);
    this.owners.forgetAllBut(present);
    this.refusals.forgetAllBut((key) => [present, copies, marked].some((keys) => keys.has(key)));
  }

  /** Gets rid of the containers of tasks whose end was told. By itself, since it takes its time. */
  async clearSpent(signal: AbortSignal): Promise<void> {
    for (const container of this.spent) {
      const fields = { container: nameOf(container) };
      try {
        await this.refusals.puttingOff(container.id, fields, () => this.clear(container, signal));
      } catch (error) {
        signal.throwIfAborted();
        this.options.log.debug("container of a task that was reported stays", {
          ...fields,
          error: wordsOf(error),
        });
      }
    }
  }

  /** True when it is that of a task whose end was told. */
  private async lookAt(container: ContainerSummary, turn: Turn): Promise<boolean> {
    const role = container.labels[LABELS.role];
    if (role === "task") return this.lookAtTask(container, turn);
    if (role === "lock" || role === "filler") await this.leavings.sweep(container, turn.signal);
    return false;
  }

  private async lookAtTask(container: ContainerSummary, turn: Turn): Promise<boolean> {
    const { patienceMs, marked, signal } = turn;
    const isMarked = marked.has(container.id);
    // One that is to stay and has the name for it; or that could not be removed, and was given it against worse.
    if (isKept(nameOf(container)) && !(isMarked && this.options.cleanup)) return false;
    if (this.isOwned(container)) return false;
    if (!(await this.owners.haveLeft(container, signal))) {
      // Back, if it was away: the next time is another one.
      this.deadSince.delete(container.id);
      return false;
    }
    const now = performance.now();
    const since = this.deadSince.get(container.id) ?? now;
    this.deadSince.set(container.id, since);
    if (now - since < patienceMs) return false;
    // Before it is claimed too: one that cannot be removed would be claimed and let go of at each look.
    return isMarked || this.offer(container, turn);
  }

  private isOwned(container: ContainerSummary): boolean {
    const { ownedHere } = this.options;
    return [nameOf(container), madeAs(container), container.id].some((name) => ownedHere.has(name));
  }

  /** True when it turns out that its end was told. */
  private async offer(container: ContainerSummary, { adopt, signal }: Turn): Promise<boolean> {
    const { claims, marks } = this.options;
    const taskId = container.labels[LABELS.taskId];
    if (taskId === undefined) return false;
    const executionId = container.labels[LABELS.executionId] ?? "";
    const { id } = container;
    const name = madeAs(container);
    const claim = await claims.take({ taskId, executionId, container: name, id }, signal);
    if (claim.kind !== "ours") return false;
    const letGo = async () => {
      // Resumed meanwhile, by way of a journal: the claim is that one's now.
      if (!this.isOwned(container)) await claim.release();
    };
    // Whoever had the claim before may have told its end.
    if (claim.endedBy !== null) {
      await letGo();
      return true;
    }
    const { label } = this.options.engine.chosen;
    const handle = { ...newHandle(name, label), id, started: true, adopted: true };
    const claimedAt = container.createdAt * 1000;
    const adoption = adopt({ taskId, executionId, handle: writeHandle(handle), claimedAt });
    // The task that was made of it holds the claim from now on.
    if (adoption === "taken") return false;
    const isKnown = adoption === "ended" || adoption === "unproven";
    try {
      // Others do not have the journal that knows it.
      if (isKnown) await marks.set(id, signal);
    } finally {
      await letGo();
    }
    return isKnown;
  }

  /** An agent that runs all the same has its grace. */
  private async clear(container: ContainerSummary, signal: AbortSignal): Promise<void> {
    const { engine, disposal, cleanup, graceMs, log } = this.options;
    // Resumed meanwhile: it is that one's.
    if (this.isOwned(container)) return;
    const { id, state } = container;
    const fields = { container: nameOf(container) };
    // Where containers stay, somebody may have started it again to look at it.
    if (state === "running" && !cleanup) return;
    if (state === "running") {
      log.debug("stopping the container of a task that was reported", fields);
      await engine.containers.stop(id, Math.ceil(graceMs / 1000), signal);
    }
    using patience = expiring(signal, CLEAR_MS);
    const spent = { container: madeAs(container), id, keep: !cleanup };
    await disposal.clearLeft(spent, log, patience.signal);
    log.info("container of a task that was reported is cleared away", fields);
  }
}

/** The name that its worker gave it, whatever it is called now. */
function madeAs(container: ContainerSummary): string {
  return container.labels[LABELS.container] ?? nameOf(container);
}
