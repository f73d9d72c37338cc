/**
 * Who takes over a container whose worker is dead. Several may find it: a worker with the dead one's
 * journal, and any other of the same worker id. A lock says which of them reports it, and what the
 * others may never report is remembered for a while after the container is gone.
 */
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { hasBegun } from "../container-end.ts";
import { shortIdOf } from "../engine/container-state.ts";
import type { ContainerState, ContainerSummary } from "../engine/containers.ts";
import type { Engine } from "../engine/engine.ts";
import { LABELS, type Labels, labelFilter, type Role } from "../labels.ts";
import { patiently, unlessForbidden } from "../persist.ts";
import { isKept } from "../task-container.ts";
import type { EndedMarks } from "./ended-marks.ts";
import type { EngineLock, LockRequest, LockSmith } from "./engine-lock.ts";
import { KeptLock } from "./kept-lock.ts";
import type { Lineage } from "./lineage.ts";

export type Claim =
  | {
      readonly kind: "ours";
      readonly state: ContainerState;
      /** The process that has told its end, or is to, and could not remove it; null: nobody has. */
      readonly endedBy: string | null;
      /** From now until its release it is had again where somebody removes it. */
      keep(): void;
      release(): Promise<void>;
    }
  /** A living worker has it. */
  | { readonly kind: "another's" }
  /** It is gone, and was marked as reported by the process with that instance id. */
  | { readonly kind: "reported"; readonly by: string }
  /** No such container, and nobody has reported it. */
  | { readonly kind: "gone" };

/** What is known of the container of a task that another worker may have left. */
export interface Sought {
  /** The name that it was made under. */
  readonly container: string;
  /** In full; empty: not known. */
  readonly id: string;
  readonly executionId: string;
  readonly taskId: string;
  /** Called with its id before it is claimed. */
  readonly onFound?: (id: string) => void;
  /** Instance ids of the processes that had this journal before, none of which lives. */
  readonly predecessors?: readonly string[];
}

export interface ClaimsOptions {
  readonly engine: Engine;
  readonly locks: LockSmith;
  readonly marks: EndedMarks;
  readonly lineage: Lineage;
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
  async take(sought: Sought, signal: AbortSignal): Promise<Claim> {
    const { container } = sought;
    const found = await this.find(sought, signal);
    if (found === null) return this.whenGone(container, signal);
    sought.onFound?.(found.id);
    const request = requestFor(found, sought);
    const lock = await patiently((trying) => this.options.locks.tryTake(request, trying), signal);
    if (lock === null) return { kind: "another's" };
    let held: Pick<EngineLock, "release"> = lock;
    const release = () => this.release(held);
    const keep = () => {
      held = new KeptLock(lock, { ...this.options, request });
    };
    try {
      // Whoever held the lock before may have reported and removed it, or not have been able to.
      const state = await this.findStill(found.id, signal);
      if (state !== null) {
        const { marks } = this.options;
        const marked = await patiently((trying) => marks.markedBy(found.id, trying), signal);
        // The engine may make one when its task was told of as not begun, by a worker that had not found it yet.
        const endedBy = marked ?? (hasBegun(state) ? null : await this.reportedBy(container, signal));
        return { kind: "ours", state, endedBy, keep, release };
      }
    } catch (error) {
      await release();
      throw error;
    }
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
  private async release(lock: Pick<EngineLock, "release">): Promise<void> {
    try {
      await lock.release(AbortSignal.timeout(RELEASE_MS));
    } catch (error) {
      this.options.log.debug("lock of a container not released", { error: wordsOf(error) });
    }
  }

  private async whenGone(container: string, signal: AbortSignal): Promise<Claim> {
    const by = await this.reportedBy(container, signal);
    return by === null ? { kind: "gone" } : { kind: "reported", by };
  }

  /** The instance id of the process that has, or was about to; null: nobody. */
  private async reportedBy(container: string, signal: AbortSignal): Promise<string | null> {
    const { volumes } = this.options.engine;
    const look = (trying: AbortSignal) => volumes.inspect(reportedNameOf(container), trying);
    const mark = await patiently((trying) => unlessForbidden(look(trying), null), signal);
    return mark === null ? null : (mark.labels[LABELS.instance] ?? "");
  }

  /** Before it is called gone: it may have another name now, or have been made anew with all that it was. */
  private async find(sought: Sought, signal: AbortSignal): Promise<ContainerState | null> {
    const { container, id } = sought;
    const found = await this.findNow(id === "" ? container : id, signal);
    return found ?? (await this.findByLabels(sought, signal));
  }

  private async findByLabels(sought: Sought, signal: AbortSignal): Promise<ContainerState | null> {
    const { engine, labels, lineage } = this.options;
    const wanted = [
      labelFilter("workerId", labels[LABELS.workerId] ?? ""),
      labelFilter("taskId", sought.taskId),
    ];
    const all = await patiently(
      (trying) => engine.containers.list({ labels: wanted, all: true }, trying),
      signal,
    );
    const fitting = all.filter((one) => isSought(one, sought));
    const best = fitting.toSorted((one, other) => restOf(one) - restOf(other));
    for (const one of best) {
      if (!(await patiently((trying) => lineage.isStrangers(one, trying), signal)))
        return this.findNow(one.id, signal);
    }
    return null;
  }

  /** Of one that was there a moment ago: one wrong answer does not make it gone. */
  private async findStill(id: string, signal: AbortSignal): Promise<ContainerState | null> {
    return (await this.findNow(id, signal)) ?? (await this.findNow(id, signal));
  }

  private findNow(idOrName: string, signal: AbortSignal): Promise<ContainerState | null> {
    const { containers } = this.options.engine;
    return patiently((trying) => containers.find(idOrName, trying), signal);
  }
}

function requestFor({ id, imageId }: ContainerState, { predecessors: dead = [] }: Sought): LockRequest {
  return { name: `oz-worker-claims-${shortIdOf(id)}`, image: imageId, dead };
}

function isSought({ labels, names }: ContainerSummary, { container, executionId }: Sought): boolean {
  if (labels[LABELS.role] !== "task") return false;
  const madeAs = labels[LABELS.container];
  if (madeAs !== undefined) return madeAs === container;
  // Made by a version that did not note it: another one of this very execution has ended, and was kept.
  return labels[LABELS.executionId] === executionId && !names.some(isKept);
}

/** One that runs comes first. */
function restOf({ state }: ContainerSummary): number {
  return state === "running" ? 0 : 1;
}

function reportedNameOf(container: string): string {
  return `${container}.reported`;
}
