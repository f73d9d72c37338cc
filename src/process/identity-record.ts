/** A process in a journal's plain JSON, to be recognised after a restart. */
import type { ProcessIdentity } from "./process-table.ts";

export interface IdentityRecord {
  readonly pid: number | null;
  readonly startedAt: string | null;
  readonly bootId: string | null;
}

/** Null: no process is known; all three are null then. */
export function writeIdentity(identity: ProcessIdentity | null): IdentityRecord {
  return {
    pid: identity?.pid ?? null,
    startedAt: identity?.startedAt ?? null,
    bootId: identity?.bootId ?? null,
  };
}

/** Null when no process of ours is named: pid 1 and below are never one. */
export function readIdentity(record: Readonly<Record<string, unknown>>): ProcessIdentity | null {
  const { pid, startedAt, bootId } = record;
  if (typeof pid !== "number" || !(pid > 1)) return null;
  return { pid, startedAt: textOrNull(startedAt) ?? "", bootId: textOrNull(bootId) ?? "" };
}

/** Beside the record of the process whose parent it is, and of the same boot. */
export function writeShim(shim: ProcessIdentity | undefined): Readonly<Record<string, string | number>> {
  return shim === undefined ? {} : { shimPid: shim.pid, shimStartedAt: shim.startedAt };
}

/** Undefined also where an earlier version wrote. */
export function readShim(record: Readonly<Record<string, unknown>>): ProcessIdentity | undefined {
  const { shimPid: pid, shimStartedAt: startedAt, bootId } = record;
  return readIdentity({ pid, startedAt, bootId }) ?? undefined;
}

export function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

export function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
