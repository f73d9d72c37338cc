/**
 * Which workers are dead, judged by what was seen here of their Leases and never by the clocks of two
 * machines: a Lease that has not changed for its whole duration, as measured here while it could be seen.
 */
import type { V1Lease } from "@kubernetes/client-node";
import { LEASE_SECONDS, ownerOf } from "./lease.ts";

interface Sign {
  /** Changes with each renewal. */
  readonly pulse: string;
  readonly seenAtMs: number;
  readonly lease: V1Lease | null;
}

const MISSING = "missing";
/** A Lease that says less than this is not to be believed. */
const SHORTEST_SECONDS = 10;

export class VitalSigns {
  private readonly signs = new Map<string, Sign>();
  /** Since when no look at the Leases has succeeded; null: the last one has. */
  private blindSinceMs: number | null = null;

  /**
   * A look that was begun at `beganAtMs` saw no Lease. Until one does, time counts for nobody: while the API server is
   * away nobody can renew his, and when it was back whoever looked first took the Jobs of those that lived.
   */
  sawNothing(beganAtMs: number): void {
    this.blindSinceMs ??= beganAtMs;
  }

  /** What was seen just now, at `nowMs` of a clock that only goes forward. */
  observe(leases: readonly V1Lease[], instances: ReadonlySet<string>, nowMs: number): void {
    const blindMs = this.blindSinceMs === null ? 0 : nowMs - this.blindSinceMs;
    this.blindSinceMs = null;
    const byInstance = new Map(leases.map((lease) => [ownerOf(lease), lease]));
    for (const instance of new Set([...instances, ...byInstance.keys()])) {
      const lease = byInstance.get(instance) ?? null;
      const pulse = lease?.metadata?.resourceVersion ?? MISSING;
      const known = this.signs.get(instance);
      const seenAtMs = known?.pulse === pulse ? known.seenAtMs + blindMs : nowMs;
      this.signs.set(instance, { pulse, seenAtMs, lease });
    }
    for (const instance of this.signs.keys()) {
      if (!instances.has(instance) && !byInstance.has(instance)) this.signs.delete(instance);
    }
  }

  /** Released by its own hand, or still for too long. A missing Lease may be about to be made again. */
  isDead(instance: string, nowMs: number): boolean {
    const sign = this.signs.get(instance);
    if (sign === undefined) return false;
    if (sign.lease?.spec !== undefined && !sign.lease.spec.holderIdentity) return true;
    const seconds = sign.lease?.spec?.leaseDurationSeconds ?? LEASE_SECONDS;
    return nowMs - sign.seenAtMs >= Math.max(seconds, SHORTEST_SECONDS) * 1000;
  }

  leaseOf(instance: string): V1Lease | null {
    return this.signs.get(instance)?.lease ?? null;
  }

  known(): readonly string[] {
    return [...this.signs.keys()];
  }
}
