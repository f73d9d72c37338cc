/** What whoever takes a dead worker's Jobs over writes into that one's Lease: its own name, and which Jobs. */
import type { V1Job, V1Lease } from "@kubernetes/client-node";
import { isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { leaseNameOf, leaseOf, microTime } from "./lease.ts";
import { refusedNote, takenNotes } from "./taken-notes.ts";

export interface SuccessionOptions {
  readonly cluster: Cluster;
  readonly workerHash: string;
  /** The successor's. */
  readonly instance: string;
}

export class Succession {
  private readonly options: SuccessionOptions;

  constructor(options: SuccessionOptions) {
    this.options = options;
  }

  /**
   * True: the dead worker's Lease, as last seen `lease`, says now that this one succeeds it, and has its `jobs`. One that
   * is missing (null) is made for that.
   */
  async begin(
    dead: string,
    lease: V1Lease | null,
    jobs: readonly V1Job[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { cluster, instance, workerHash } = this.options;
    try {
      if (lease === null) {
        await cluster.createLease(leaseOf(workerHash, dead, instance, jobs), signal);
        return true;
      }
      const { name = leaseNameOf(workerHash, dead), resourceVersion } = lease.metadata ?? {};
      const patch = {
        metadata: { resourceVersion, annotations: takenNotes(jobs, lease) },
        spec: { holderIdentity: instance, renewTime: microTime() },
      };
      return (await cluster.patchLease(name, patch, signal)) !== null;
    } catch (error) {
      // It was renewed or made again this very moment, or another worker was quicker: the next look will show.
      if (isStatus(error, 409)) return false;
      throw error;
    }
  }

  /** What was noted as taken and is refused to us stays the dead worker's to report, should it come back. */
  async noteRefused(dead: string, job: V1Job, signal: AbortSignal): Promise<void> {
    await this.note(dead, refusedNote(job), signal);
  }

  async noteTaken(dead: string, job: V1Job, signal: AbortSignal): Promise<void> {
    await this.note(dead, takenNotes([job]), signal);
  }

  private async note(
    dead: string,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, workerHash } = this.options;
    await cluster.patchLease(leaseNameOf(workerHash, dead), { metadata: { annotations } }, signal);
  }
}
