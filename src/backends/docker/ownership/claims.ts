/**
 * Who takes over a container whose worker is dead. Several may find it: a worker with the dead one's
 * journal, and any other of the same worker id. A lock says which of them reports it, and what the
 * others may never report is remembered for a while after the container is gone.
 */
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { ContainerState } from "../engine/containers.ts";
import type { Engine } from "../engine/engine.ts";
import { LABELS, type Labels, type Role } from "../labels.ts";
import { persist } from "../persist.ts";
import type { EngineLock, LockSmith } from "./engine-lock.ts";

export type Claim =
  | { readonly kind: "ours"; readonly state: ContainerState; release(): Promise<void> }
  /** A living worker has it. */
  | { readonly kind: "another's" }
  /** It is gone, and was marked as reported by the process with that instance id. */
  | { readonly kind: "reported"; readonly by: string }
  /** No such container, and nobody has reported it. */
  | { readonly kind: "gone" };

export interface ClaimsOptions {
  readonly engine: Engine;
  readonly locks: LockSmith;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
  readonly log: Logger;
}

const RELEASE_MS = 30_000;

export class Claims {
  private readonly options: ClaimsOptions;

  constructor(options: ClaimsOptions) {
    this.options = options;
  }

  /** An engine that is away is waited for. Throws an EngineError, or the signal's reason. */
  async take(container: string, signal: AbortSignal): Promise<Claim> {
    const found = await this.find(container, signal);
    if (found === null) return this.whenGone(container, signal);
    const lock = await this.lock(found, signal);
    if (lock === null) return { kind: "another's" };
    const release = () => this.release(lock);
    // Whoever held the lock before may have reported and removed it.
    const state = await this.find(container, signal).catch(async (error: unknown) => {
      await release();
      throw error;
    });
    if (state !== null) return { kind: "ours", state, release };
    await release();
    return this.whenGone(container, signal);
  }

  /**
   * From now on a worker that has the journal of the dead one knows that its task was reported, and by
   * whom. Never throws.
   */
  async settle(container: string, signal: AbortSignal): Promise<void> {
    const { engine, labels, log } = this.options;
    const role: Role = "reported";
    const volume = { name: reportedNameOf(container), labels: { ...labels, [LABELS.role]: role } };
    try {
      // One that took it over earlier may have left its mark and died before it could report.
      await engine.volumes.remove(volume.name, signal);
      await engine.volumes.create(volume, signal);
    } catch (error) {
      log.warn("cannot mark a task that was taken over as reported", { container, error: wordsOf(error) });
    }
  }

  /** Never throws: a lock that stays is that of a dead worker one day. */
  private async release(lock: EngineLock): Promise<void> {
    try {
      await lock.release(AbortSignal.timeout(RELEASE_MS));
    } catch (error) {
      this.options.log.debug("lock of a container not released", { error: wordsOf(error) });
    }
  }

  private async lock({ id, imageId }: ContainerState, signal: AbortSignal): Promise<EngineLock | null> {
    const request = { name: `oz-worker-claims-${id.slice(0, 12)}`, image: imageId };
    return persist((trying) => this.options.locks.tryTake(request, trying), signal, Number.POSITIVE_INFINITY);
  }

  private async whenGone(container: string, signal: AbortSignal): Promise<Claim> {
    const name = reportedNameOf(container);
    const mark = await persist(
      (trying) => this.options.engine.volumes.inspect(name, trying),
      signal,
      Number.POSITIVE_INFINITY,
    );
    return mark === null ? { kind: "gone" } : { kind: "reported", by: mark.labels[LABELS.instance] ?? "" };
  }

  private find(container: string, signal: AbortSignal): Promise<ContainerState | null> {
    const { containers } = this.options.engine;
    return persist((trying) => containers.find(container, trying), signal, Number.POSITIVE_INFINITY);
  }
}

function reportedNameOf(container: string): string {
  return `${container}.reported`;
}
