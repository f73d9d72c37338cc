/**
 * A lock that all workers on one engine see: a container that is never started, because the engine
 * gives a name once. It tells who holds it, so that one whose holder died is taken from it.
 */
import { Backoff } from "../../../async/backoff.ts";
import { expiring, pause } from "../../../async/wait.ts";
import { createContainer } from "../creation.ts";
import type { ContainerBody } from "../engine/container-body.ts";
import type { ContainerState, Containers } from "../engine/containers.ts";
import { EngineGone, isConflict, isMissing } from "../engine/errors.ts";
import type { Images } from "../engine/images.ts";
import { LABELS, type Labels, type Role } from "../labels.ts";
import { patiently, unlessRefused } from "../persist.ts";
import type { Watcher } from "../watcher.ts";
import type { Census, Life } from "./census.ts";
import { readOwner } from "./owner.ts";

export interface LockSmithOptions {
  readonly containers: Containers;
  readonly images: Pick<Images, "empty">;
  readonly watcher: Watcher;
  readonly census: Census;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
}

/** Any image will do; it is not run. */
export interface LockRequest {
  readonly name: string;
  readonly image: string;
  /** Instance ids of processes that are dead, whatever can be seen of them: they had a journal that is ours now. */
  readonly dead?: readonly string[];
}

export interface EngineLock {
  readonly id: string;
  /** Resolves once nobody holds it. Throws what the engine throws. */
  release(signal: AbortSignal): Promise<void>;
}

/** Of several that found a dead holder's lock, one gets it and the others find that one's. */
const MOST_TRIES = 8;
/** A holder that has just left, or is just being made. */
const UNSEEN = { firstMs: 20, lastMs: 200 };
const HOLDER_CHECK_MS = 10_000;
/** Nothing that a lock is waited for takes as long as this. */
const FORSAKEN_MS = 15 * 60_000;

/** A container that only has to exist: whatever the image is, nothing of it is run. */
export function neverStarted(image: string, labels: Labels, binds: readonly string[] = []): ContainerBody {
  return {
    Image: image,
    // An image without a command of its own is refused otherwise.
    Cmd: ["/never-started"],
    Labels: labels,
    HostConfig: { NetworkMode: "none", Binds: binds },
  };
}

export class LockSmith {
  private readonly options: LockSmithOptions;
  /** Names of those that this process has. */
  private readonly held = new Set<string>();

  constructor(options: LockSmithOptions) {
    this.options = options;
  }

  /**
   * Null when a living worker, or one of whom nothing is known, holds it. Throws EngineGone when the name stays taken
   * although no container has it: an engine may keep a name that it lost the container of, until it is restarted, or asked to
   * let go of it.
   */
  async tryTake(request: LockRequest, signal: AbortSignal): Promise<EngineLock | null> {
    const backoff = new Backoff(UNSEEN);
    let unseen = 0;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const taken = await this.create(request, signal);
      if (taken !== null) return taken;
      const holder = await this.options.containers.find(request.name, signal);
      if (holder === null) {
        unseen += 1;
        await pause(backoff.next(), signal);
        signal.throwIfAborted();
        continue;
      }
      const life = await this.lifeOf(holder, request, signal);
      if (life === "self") return this.lock(request.name, holder.id);
      if (life !== "dead") return null;
      // By its id: by its name this could be the lock of the next holder.
      await this.remove(holder.id, signal);
    }
    if (unseen === MOST_TRIES) {
      await this.options.containers.removeLost(request.name, signal);
      throw new EngineGone(
        `The container engine says that the name ${request.name} is taken, and has no container of that name`,
      );
    }
    return null;
  }

  /**
   * Waits until whoever holds it is done or dead. Null when one of whom nothing is known has held it
   * for so long that it is most likely dead: the lock stays its own, and is never had.
   */
  async take(request: LockRequest, signal: AbortSignal): Promise<EngineLock | null> {
    for (;;) {
      const lock = await this.tryTake(request, signal);
      if (lock !== null) return lock;
      const holder = await this.options.containers.find(request.name, signal);
      if (holder === null) continue;
      if (await this.isForsaken(holder, request, signal)) return null;
      // Its release is an event; the death of its holder is none.
      await this.whenFree(holder, signal);
      signal.throwIfAborted();
    }
  }

  /** Resolves once there is no such container. An engine that is away is waited for. Throws an EngineError. */
  async whenGone({ id }: Pick<EngineLock, "id">, signal: AbortSignal): Promise<void> {
    await this.options.watcher.until(id, (state) => (state === null ? true : null), signal);
  }

  private async isForsaken(
    holder: ContainerState,
    { name }: LockRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const ageMs = Date.now() - Date.parse(holder.createdAt);
    return ageMs > FORSAKEN_MS && (await this.lifeOf(holder, { name }, signal)) === "unknown";
  }

  private async whenFree(holder: ContainerState, signal: AbortSignal): Promise<void> {
    using expiry = expiring(signal, HOLDER_CHECK_MS);
    await this.whenGone(holder, expiry.signal).catch((error: unknown) => {
      if (!expiry.signal.aborted) throw error;
    });
  }

  /** Null when the name is taken. */
  private async create(request: LockRequest, signal: AbortSignal): Promise<EngineLock | null> {
    const { name } = request;
    try {
      return this.lock(name, await this.make(request, signal));
    } catch (error) {
      if (isConflict(error)) return null;
      throw error;
    }
  }

  /** Its id. `docker rmi --force` takes the image of a container that has ended: then it is made of none. */
  private async make({ name, image }: LockRequest, signal: AbortSignal): Promise<string> {
    const { containers, images, labels } = this.options;
    const role: Role = "lock";
    const marked = { ...labels, [LABELS.role]: role };
    const makeOf = async (one: string) =>
      (await createContainer(containers, name, neverStarted(one, marked), signal)).id;
    try {
      return await makeOf(image);
    } catch (error) {
      if (!isMissing(error)) throw error;
      const empty = await unlessRefused(images.empty(signal), null);
      if (empty === null) throw error;
      return await makeOf(empty);
    }
  }

  private lock(name: string, id: string): EngineLock {
    this.held.add(name);
    const release = async (signal: AbortSignal) => {
      // Others would wait for one that stays for as long as this process lives.
      await patiently((trying) => this.remove(id, trying), signal);
      this.held.delete(name);
    };
    return { id, release };
  }

  private async lifeOf(
    { labels }: ContainerState,
    { name, dead = [] }: Pick<LockRequest, "name" | "dead">,
    signal: AbortSignal,
  ): Promise<Life> {
    const instance = labels[LABELS.instance];
    // An engine may show the labels of a container in its lists only.
    if (instance === undefined && this.held.has(name)) return "self";
    const life = await this.options.census.lifeOf(readOwner(instance, labels[LABELS.owner]), signal);
    return life === "unknown" && instance !== undefined && dead.includes(instance) ? "dead" : life;
  }

  private async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.options.containers.remove(id, signal);
  }
}
