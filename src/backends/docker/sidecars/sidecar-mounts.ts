/** Makes a task's sidecars ready to be mounted. */

import { allTogether } from "../../../async/together.ts";
import { outlasting } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Sidecar } from "../../../protocol/assignment.ts";
import { TaskFailure } from "../../../task/backend.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError } from "../engine/errors.ts";
import type { ImagePuller, LocalImage } from "../images/puller.ts";
import { LABELS, type Labels, labelFilter, type Role } from "../labels.ts";
import { persist } from "../persist.ts";
import type { SidecarMount } from "../task-container.ts";
import { fillVolume } from "./fill.ts";
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
}

/** From this version on an image can be mounted as it is. */
const IMAGE_MOUNTS = "1.48";
/** So long an engine is waited for that was asked for a volume nobody wants any more. */
const ANSWER_MS = 10_000;

export class SidecarMounts {
  private readonly options: SidecarMountsOptions;

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

  /** False when a volume was removed after it was prepared; the container then holds an empty one. */
  async areIntact(mounts: readonly SidecarMount[], signal: AbortSignal): Promise<boolean> {
    const intact = await Promise.all(
      mounts.map((mount) =>
        mount.kind === "image" || mount.filling === null
          ? true
          : this.options.shared.isIntact({ name: mount.volume, filling: mount.filling }, signal),
      ),
    );
    return intact.every(Boolean);
  }

  /** The copies that were made for this container. Call it when the container is gone. */
  async removeCopies(container: string, signal: AbortSignal): Promise<void> {
    const { volumes } = this.options.engine;
    const copies = await volumes.list({ labels: [labelFilter("container", container)] }, signal);
    const removals = copies.map(({ name }) => this.removeCopy(name, signal));
    // One that cannot go does not keep the others.
    await Promise.allSettled(removals);
    await Promise.all(removals);
  }

  /** A worker that died while it filled it has left the containers that did so, and these hold it. */
  private async removeCopy(volume: string, signal: AbortSignal): Promise<void> {
    const { volumes, containers } = this.options.engine;
    try {
      await volumes.remove(volume, signal);
    } catch (error) {
      if (!(error instanceof EngineError) || error.status !== 409) throw error;
      const fillers = await containers.list({ labels: [labelFilter("fills", volume)], all: true }, signal);
      if (fillers.length === 0) throw error;
      for (const { id } of fillers) await containers.remove(id, { volumes: true, force: true }, signal);
      await volumes.remove(volume, signal);
    }
  }

  private async prepareOne(sidecar: Sidecar, host: SidecarHost, signal: AbortSignal): Promise<SidecarMount> {
    try {
      const image = await this.options.puller.ensure(sidecar.image, signal);
      return await persist((trying) => this.mount(image, sidecar, host, trying), signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = `cannot prepare the sidecar ${sidecar.image} for ${sidecar.mountPath}: ${wordsOf(error)}`;
      throw new TaskFailure("sidecar_prep", why, { cause: error });
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
    if (engine.atLeast(IMAGE_MOUNTS)) return { kind: "image", image: image.id, mountPath };
    const volume = await shared.ensure(image, signal);
    if (volume !== null) {
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
    const volume = `${volumeNameOf(image)}-${crypto.randomUUID().slice(0, 8)}`;
    const role: Role = "private-sidecar";
    const marks = { ...host.labels, [LABELS.role]: role, [LABELS.container]: host.container };
    // The engine goes on with what it was asked for: a volume that comes once the copies were removed stays.
    using patience = outlasting(signal, ANSWER_MS);
    await engine.volumes.create({ name: volume, labels: marks }, patience.signal);
    signal.throwIfAborted();
    await fillVolume(engine, { image: image.id, volume, labels }, signal);
    return { kind: "volume", volume, mountPath, readOnly: !readWrite, filling: null };
  }
}
