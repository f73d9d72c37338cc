/**
 * The volume that all read-only mounts of one sidecar image share. It counts as complete only by a
 * second, empty volume that is made when the first holds everything and names that very filling: a
 * volume that a crash left half-filled has none, and is made anew.
 */
import { SingleFlight } from "../../../async/single-flight.ts";
import { within } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { secondsOf } from "../../../logging/seconds-of.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalImage } from "../images/puller.ts";
import { LABELS, type Labels, labelFilter, type Role } from "../labels.ts";
import type { LockSmith } from "../ownership/engine-lock.ts";
import { fillVolume } from "./fill.ts";
import { completionNameOf, lockNameOf, volumeNameOf } from "./volume-name.ts";

export interface FilledVolume {
  readonly name: string;
  /** What its label says as long as it is the one that was filled. */
  readonly filling: string;
}

export interface SharedVolumesOptions {
  readonly engine: Engine;
  readonly locks: LockSmith;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
  readonly log: Logger;
}

export class SharedVolumes {
  private readonly options: SharedVolumesOptions;
  private readonly flights = new SingleFlight<FilledVolume | null>();
  /** When this process last gave one to a task, in ms since 1970. */
  readonly lastUsed = new Map<string, number>();

  constructor(options: SharedVolumesOptions) {
    this.options = options;
  }

  /**
   * Null when there is one of that name which cannot be trusted and cannot be replaced: containers use
   * it, or somebody holds its lock of whom nobody knows whether he lives. Throws what the engine throws.
   */
  async ensure(image: LocalImage, signal: AbortSignal): Promise<FilledVolume | null> {
    const name = volumeNameOf(image);
    this.lastUsed.set(name, Date.now());
    const filling = await this.completeFilling(name, signal);
    if (filling !== null) return { name, filling };
    try {
      return await this.flights.run(name, (flightSignal) => this.fillOnce(name, image, flightSignal), signal);
    } finally {
      // A worker that ends with its last task would leave what the filling has made in the engine.
      if (signal.aborted) await within(this.flights.atRest(name), LANDING_MS, undefined);
    }
  }

  private async completeFilling(name: string, signal: AbortSignal): Promise<string | null> {
    const { volumes } = this.options.engine;
    const [volume, mark] = await Promise.all([
      volumes.inspect(name, signal),
      volumes.inspect(completionNameOf(name), signal),
    ]);
    const filling = volume?.labels[LABELS.filling];
    return filling !== undefined && filling === mark?.labels[LABELS.filling] ? filling : null;
  }

  private async fillOnce(name: string, image: LocalImage, signal: AbortSignal): Promise<FilledVolume | null> {
    const lock = await this.options.locks.take({ name: lockNameOf(name), image: image.id }, signal);
    if (lock === null) return null;
    try {
      // Whoever held the lock before may have done it.
      const filling = await this.completeFilling(name, signal);
      if (filling !== null) return { name, filling };
      if (!(await this.clear(name, signal))) return null;
      return { name, filling: await this.fill(name, image, signal) };
    } finally {
      await lock.release(AbortSignal.timeout(RELEASE_MS)).catch((error: unknown) => {
        this.options.log.debug("lock of a sidecar volume not released", {
          volume: name,
          error: wordsOf(error),
        });
      });
    }
  }

  /** With the lock held. False when containers use what is there. */
  private async clear(name: string, signal: AbortSignal): Promise<boolean> {
    const { volumes, containers } = this.options.engine;
    const left = await containers.list({ labels: [labelFilter("fills", name)], all: true }, signal);
    for (const { id } of left) await containers.remove(id, signal);
    for (const one of [completionNameOf(name), name]) {
      // Podman takes the beginning of a name for it: of none it would remove a task's copy, which is called alike.
      if ((await volumes.inspect(one, signal)) === null) continue;
      if (!(await volumes.removeUnused(one, signal))) return false;
    }
    return true;
  }

  private async fill(name: string, image: LocalImage, signal: AbortSignal): Promise<string> {
    const { engine, labels, log } = this.options;
    const filling = crypto.randomUUID();
    const marked = (role: Role) => ({ ...labels, [LABELS.role]: role, [LABELS.filling]: filling });
    const startedAt = performance.now();
    await engine.volumes.create({ name, labels: marked("sidecar") }, signal);
    await fillVolume(engine, { image: image.id, volume: name, labels }, signal);
    await engine.volumes.create({ name: completionNameOf(name), labels: marked("sidecar-complete") }, signal);
    log.info("sidecar volume filled", { volume: name, seconds: secondsOf(performance.now() - startedAt) });
    return filling;
  }
}

const RELEASE_MS = 30_000;
/** So long a cancellation is kept waiting for the engine at most. */
const LANDING_MS = 10_000;
