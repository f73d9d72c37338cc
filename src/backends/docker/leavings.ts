/** What dead workers of this id left beside their tasks' containers: locks, fillers, private copies, marks. */
import { type ContainerSummary, shortIdOf } from "./engine/container-state.ts";
import type { Engine } from "./engine/engine.ts";
import { labelFilter } from "./labels.ts";
import type { EndedMarks } from "./ownership/ended-marks.ts";
import type { Owners } from "./ownership/owners.ts";
import { unlessRefused } from "./persist.ts";
import type { Refusals } from "./refusals.ts";

export interface LeavingsOptions {
  readonly workerId: string;
  readonly engine: Engine;
  readonly marks: EndedMarks;
  readonly owners: Owners;
  readonly refusals: Refusals;
}

export class Leavings {
  private readonly options: LeavingsOptions;

  constructor(options: LeavingsOptions) {
    this.options = options;
  }

  /** A lock that a dead worker held, or what it had begun to fill. */
  async sweep(container: ContainerSummary, signal: AbortSignal): Promise<void> {
    const { engine, owners } = this.options;
    if (await owners.haveLeft(container, signal)) await engine.containers.remove(container.id, signal);
  }

  /** Private copies of sidecars whose task is gone; the engine refuses those in use. Resolves with the names of all. */
  async sweepCopies(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { engine, workerId, owners, refusals } = this.options;
    const labels = [labelFilter("workerId", workerId), labelFilter("role", "private-sidecar")];
    const copies = await unlessRefused(engine.volumes.list({ labels }, signal), []);
    for (const volume of copies) {
      await refusals.puttingOff(volume.name, { volume: volume.name }, async () => {
        const life = await owners.lifeOf(volume.labels, signal);
        if (life === "dead") await engine.volumes.removeUnused(volume.name, signal);
      });
    }
    return new Set(copies.map(({ name }) => name));
  }

  /** All are ids of containers. Of one that came later than those present nothing is known but by asking. */
  async pruneMarks(
    marked: ReadonlySet<string>,
    present: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { engine, marks, refusals } = this.options;
    for (const id of marked) {
      if (present.has(id)) continue;
      await refusals.puttingOff(id, { markOf: shortIdOf(id) }, async () => {
        if ((await engine.containers.find(id, signal)) === null) await marks.remove(id, signal);
      });
    }
  }
}
