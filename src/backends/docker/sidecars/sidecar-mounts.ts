/** Makes a task's sidecars ready to be mounted. */

import { Backoff } from "../../../async/backoff.ts";
import { allTogether } from "../../../async/together.ts";
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Sidecar } from "../../../protocol/assignment.ts";
import { TaskFailure } from "../../../task/backend.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError, isConflict, isMissingOrGoing } from "../engine/errors.ts";
import type { ImagePuller, LocalImage } from "../images/puller.ts";
import { LABELS, type Labels, labelFilter } from "../labels.ts";
import { persist, unlessForbidden } from "../persist.ts";
import type { SidecarMount } from "../task-container.ts";
import { fillVolume } from "./fill.ts";
import { makePrivateCopy } from "./private-copy.ts";
import type { SharedVolumes } from "./shared-volume.ts";
import { lockNameOf, volumeNameOf } from "./volume-name.ts";

export interface SidecarMountsOptions {
  readonly engine: Engine;
  readonly puller: ImagePuller;
  readonly shared: SharedVolumes;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
}

/** The task's container, by name, and marks for what goes with it. */
export interface SidecarHost {
  readonly container: string;
  readonly labels: Labels;
  readonly log: Logger;
  /** The engine has refused it with images mounted as they are. */
  readonly volumesOnly: boolean;
}

/** From this version on an image can be mounted as it is, unless the engine refuses. */
const IMAGE_MOUNTS = "1.48";
/** `docker system prune` takes what is being filled, and what it is filled from. */
const MOST_TRIES = 3;
const RETRY = { firstMs: 200, lastMs: 2_000 } as const;

export class SidecarMounts {
  private readonly options: SidecarMountsOptions;
  /** Volumes that a container was, or is to be, created with, and has not been seen to hold as they were filled. */
  private readonly unproven = new Map<string, Set<string>>();
  private imagesGivenUp = false;

  constructor(options: SidecarMountsOptions) {
    this.options = options;
  }

  /** In the order of the sidecars. Throws a TaskFailure (`sidecar_prep`), or the signal's reason. */
  async prepare(
    sidecars: readonly Sidecar[],
    host: SidecarHost,
    signal: AbortSignal,
  ): Promise<readonly SidecarMount[]> {
    const works = sidecars.map((sidecar) => (trying: AbortSignal) => this.prepareOne(sidecar, host, trying));
    // Not before all are at rest: the copies are removed then, and one that is being filled cannot be.
    return allTogether(works, signal);
  }

  /** From now on: the engine has made a container with volumes that it had refused with images. */
  giveUpImages(): void {
    this.imagesGivenUp = true;
  }

  /**
   * To be asked once the container is there, which keeps its volumes. False when one was removed before:
   * the engine has then made another of its name, with nothing in it and no label.
   */
  async areIntact(
    mounts: readonly SidecarMount[],
    { container }: SidecarHost,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { volumes } = this.options.engine;
    const isIntact = async (mount: SidecarMount): Promise<boolean> => {
      if (mount.kind === "image") return true;
      return (await volumes.inspect(mount.volume, signal))?.labels[LABELS.filling] === mount.filling;
    };
    const intact = (await Promise.all(mounts.map(isIntact))).every(Boolean);
    // Those alone: of another one, whose filling failed, the engine may have made an empty one that has no label either.
    if (intact) for (const mount of mounts) if (mount.kind === "volume") this.trust(mount.volume, container);
    return intact;
  }

  /**
   * The copies that were made for this container, and what the engine has made in place of a volume
   * that was gone. Call it when the container is gone.
   */
  async removeCopies(container: string, signal: AbortSignal): Promise<void> {
    const { volumes } = this.options.engine;
    const labels = [labelFilter("container", container)];
    const copies = await unlessForbidden(volumes.list({ labels }, signal), []);
    const removals = [
      ...copies.map(({ name }) => this.removeCopy(name, signal)),
      ...[...(this.unproven.get(container) ?? [])].map((name) => this.removeUnlabelled(name, signal)),
    ];
    // One that cannot go does not keep the others.
    await Promise.allSettled(removals);
    await Promise.all(removals);
    this.unproven.delete(container);
  }

  /** One with labels is found by these, if it is ours. */
  private async removeUnlabelled(name: string, signal: AbortSignal): Promise<void> {
    const { volumes } = this.options.engine;
    const volume = await volumes.inspect(name, signal);
    if (volume === null || Object.keys(volume.labels).length > 0) return;
    // Another task's container may have been created with it too, and be about to find out.
    await volumes.removeUnused(name, signal);
  }

  /** A worker that died while it filled it has left the containers that did so, and these hold it. */
  private async removeCopy(volume: string, signal: AbortSignal): Promise<void> {
    const { volumes, containers } = this.options.engine;
    try {
      await volumes.remove(volume, signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      const fillers = await containers.list({ labels: [labelFilter("fills", volume)], all: true }, signal);
      if (fillers.length === 0) throw error;
      for (const { id } of fillers) await containers.remove(id, signal);
      await volumes.remove(volume, signal);
    }
  }

  private async prepareOne(sidecar: Sidecar, host: SidecarHost, signal: AbortSignal): Promise<SidecarMount> {
    try {
      return await this.mountAtLast(sidecar, host, signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = `cannot prepare the sidecar ${sidecar.image} for ${sidecar.mountPath}: ${wordsOf(error)}`;
      throw new TaskFailure("sidecar_prep", why, { cause: error });
    }
  }

  private async mountAtLast(sidecar: Sidecar, host: SidecarHost, signal: AbortSignal): Promise<SidecarMount> {
    const backoff = new Backoff(RETRY);
    for (let tries = 1; ; tries++) {
      const image = await this.options.puller.ensure(sidecar.image, signal);
      try {
        return await persist((trying) => this.mount(image, sidecar, host, trying), signal);
      } catch (error) {
        if (tries === MOST_TRIES || !isMissingOrGoing(error)) throw error;
        const what = "something was removed while a sidecar was made ready with it: trying again";
        host.log.warn(what, { sidecar: sidecar.image, tries, error: wordsOf(error) });
      }
      await pause(backoff.next(), signal);
    }
  }

  private async mount(
    image: LocalImage,
    sidecar: Sidecar,
    host: SidecarHost,
    signal: AbortSignal,
  ): Promise<SidecarMount> {
    const { engine, shared } = this.options;
    const { mountPath, readWrite } = sidecar;
    if (readWrite) return this.copy(image, sidecar, host, signal);
    const mountsImages = engine.atLeast(IMAGE_MOUNTS) && !host.volumesOnly && !this.imagesGivenUp;
    if (mountsImages) return { kind: "image", image: image.id, mountPath };
    const volume = await shared.ensure(image, signal);
    if (volume !== null) {
      this.suspect(volume.name, host);
      return { kind: "volume", volume: volume.name, mountPath, readOnly: true, filling: volume.filling };
    }
    host.log.warn("shared sidecar volume cannot be trusted, and is in use or locked: using a copy instead", {
      volume: volumeNameOf(image),
      hint: `it is made anew once no container uses it and none is named ${lockNameOf(volumeNameOf(image))}`,
    });
    return this.copy(image, sidecar, host, signal);
  }

  /** What one task writes to it no other sees. */
  private async copy(
    image: LocalImage,
    { mountPath, readWrite }: Sidecar,
    host: SidecarHost,
    signal: AbortSignal,
  ): Promise<SidecarMount> {
    const { engine, labels } = this.options;
    const { name: volume, filling } = await makePrivateCopy(engine, image, host, signal);
    this.suspect(volume, host);
    try {
      await fillVolume(engine, { image: image.id, volume, labels }, signal);
    } catch (error) {
      // It may be tried again, with another one. What cannot go now goes with the task.
      if (error instanceof EngineError) await engine.volumes.remove(volume, signal).catch(() => {});
      throw error;
    }
    return { kind: "volume", volume, mountPath, readOnly: !readWrite, filling };
  }

  private trust(volume: string, container: string): void {
    const names = this.unproven.get(container);
    names?.delete(volume);
    if (names?.size === 0) this.unproven.delete(container);
  }

  private suspect(volume: string, { container }: SidecarHost): void {
    const names = this.unproven.get(container) ?? new Set();
    this.unproven.set(container, names.add(volume));
  }
}
