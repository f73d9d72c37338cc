/** Containers of dead workers of this worker id, offered to this one; and what they left beside them. */
import type { Logger } from "../../logging/logger.ts";
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
  private unknownTold = false;

  constructor(options: OrphansOptions) {
    this.options = options;
  }

  /** Throws what the engine throws. */
  async look(adopt: Adopt, patienceMs: number, signal: AbortSignal): Promise<void> {
    const { engine, workerId } = this.options;
    const labels = [labelFilter("workerId", workerId)];
    const containers = await engine.containers.list({ labels, all: true }, signal);
    for (const container of containers) {
      const role = container.labels[LABELS.role];
      if (role === "task") await this.lookAtTask(container, adopt, patienceMs, signal);
      else if (role === "lock" || role === "filler") await this.sweep(container, signal);
    }
    const present = new Set(containers.map(({ id }) => id));
    for (const id of this.deadSince.keys()) if (!present.has(id)) this.deadSince.delete(id);
    await this.sweepCopies(signal);
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
    const handle = { container: name, started: true, adopted: true, result: null };
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
    await claim.release();
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
