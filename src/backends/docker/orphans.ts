/** Containers of dead workers of this worker id, offered to this one; and what they left beside them. */
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Adoption, Orphan } from "../../task/backend.ts";
import type { ContainerSummary } from "./engine/containers.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineError } from "./engine/errors.ts";
import { writeHandle } from "./handle.ts";
import { LABELS, labelFilter } from "./labels.ts";
import type { Census, Life } from "./ownership/census.ts";
import type { Claims } from "./ownership/claims.ts";
import { readOwner } from "./ownership/owner.ts";
import { isKept } from "./task-run.ts";

export interface OrphansOptions {
  readonly workerId: string;
  readonly engine: Engine;
  readonly census: Census;
  readonly claims: Claims;
  /** Names of containers that this process holds already. */
  readonly ownedHere: ReadonlySet<string>;
  readonly cleanup: boolean;
  readonly log: Logger;
}

export type Adopt = (orphan: Orphan) => Adoption;

/**
 * For so long a dead worker may come back with its journal, which knows more than labels do; a worker
 * that starts does not wait, since it may be the one.
 */
export const RETURN_MS = 120_000;

export class Orphans {
  private readonly options: OrphansOptions;
  /** When its owner was first seen dead, by container id, by the clock of performance.now(). */
  private readonly deadSince = new Map<string, number>();
  /** Ids of containers of which the engine's refusal was told. */
  private readonly refusalTold = new Set<string>();
  private unknownTold = false;

  constructor(options: OrphansOptions) {
    this.options = options;
  }

  /** What the engine refuses for one container is put off, and does not keep the others from being seen. Throws EngineGone. */
  async look(adopt: Adopt, patienceMs: number, signal: AbortSignal): Promise<void> {
    const { engine, workerId } = this.options;
    const labels = [labelFilter("workerId", workerId)];
    const containers = await engine.containers.list({ labels, all: true }, signal);
    for (const container of containers) {
      await this.lookAt(container, adopt, patienceMs, signal).catch((error: unknown) =>
        this.putOff(container, error),
      );
    }
    const present = new Set(containers.map(({ id }) => id));
    for (const seen of [this.deadSince, this.refusalTold]) {
      for (const id of seen.keys()) if (!present.has(id)) seen.delete(id);
    }
    await this.sweepCopies(signal);
  }

  private async lookAt(
    container: ContainerSummary,
    adopt: Adopt,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const role = container.labels[LABELS.role];
    if (role === "task") await this.lookAtTask(container, adopt, patienceMs, signal);
    else if (role === "lock" || role === "filler") await this.sweep(container, signal);
  }

  private putOff(container: ContainerSummary, error: unknown): void {
    if (!(error instanceof EngineError)) throw error;
    if (this.refusalTold.has(container.id)) return;
    this.refusalTold.add(container.id);
    const fields = { container: nameOf(container), error: wordsOf(error) };
    this.options.log.warn("cannot take care of what a dead worker left: trying again now and then", fields);
  }

  private async lookAtTask(
    container: ContainerSummary,
    adopt: Adopt,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const name = nameOf(container);
    if (isKept(name) || this.options.ownedHere.has(name)) return;
    if ((await this.lifeOf(container.labels, signal)) !== "dead") return;
    const now = performance.now();
    const since = this.deadSince.get(container.id) ?? now;
    this.deadSince.set(container.id, since);
    if (now - since < patienceMs) return;
    await this.offer(container, adopt, signal);
  }

  private async offer(container: ContainerSummary, adopt: Adopt, signal: AbortSignal): Promise<void> {
    const name = nameOf(container);
    const taskId = container.labels[LABELS.taskId];
    if (taskId === undefined) return;
    const claim = await this.options.claims.take(name, signal);
    if (claim.kind !== "ours") return;
    const handle = {
      container: name,
      started: true,
      adopted: true,
      settler: "",
      stopping: false,
      stoppedAt: null,
      result: null,
    };
    const adoption = adopt({
      taskId,
      executionId: container.labels[LABELS.executionId] ?? "",
      handle: writeHandle(handle),
      claimedAt: container.createdAt * 1000,
    });
    // The task that was made of it holds the claim from now on.
    if (adoption === "taken") return;
    if (adoption === "ended" && this.options.cleanup) {
      this.options.log.info("removing the container of a task that was reported", { container: name });
      await this.options.engine.containers.remove(container.id, { volumes: true, force: true }, signal);
    }
    // Resumed meanwhile, by way of a journal: the claim is that one's now.
    if (!this.options.ownedHere.has(name)) await claim.release();
  }

  /** What a dead worker held or had begun to fill. */
  private async sweep(container: ContainerSummary, signal: AbortSignal): Promise<void> {
    if ((await this.lifeOf(container.labels, signal)) !== "dead") return;
    await this.options.engine.containers.remove(container.id, { volumes: true, force: true }, signal);
  }

  /** Private copies of sidecars whose task is gone; the engine refuses those in use. */
  private async sweepCopies(signal: AbortSignal): Promise<void> {
    const { engine, workerId } = this.options;
    const labels = [labelFilter("workerId", workerId), labelFilter("role", "private-sidecar")];
    for (const volume of await engine.volumes.list({ labels }, signal)) {
      if ((await this.lifeOf(volume.labels, signal)) !== "dead") continue;
      await engine.volumes.remove(volume.name, signal).catch((error: unknown) => {
        if (!(error instanceof EngineError) || error.status !== 409) throw error;
      });
    }
  }

  private async lifeOf(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Life> {
    const owner = readOwner(labels[LABELS.instance], labels[LABELS.owner]);
    const life = await this.options.census.lifeOf(owner, signal);
    if (life === "unknown" && !this.unknownTold) {
      this.unknownTold = true;
      this.options.log.info("containers of another host's worker of this id are left alone", {
        hint: "whether that worker lives cannot be seen from here",
      });
    }
    return life;
  }
}

function nameOf({ names, id }: ContainerSummary): string {
  return names[0] ?? id;
}
