/** Removes sidecar volumes that no task has used for long, and the marks beside what is gone. */
import type { Logger } from "../../../logging/logger.ts";
import type { Engine } from "../engine/engine.ts";
import { isConflict } from "../engine/errors.ts";
import type { Volume } from "../engine/volumes.ts";
import { labelFilter, type Role } from "../labels.ts";
import { completionNameOf } from "./volume-name.ts";

export interface GarbageOptions {
  readonly engine: Pick<Engine, "volumes">;
  /** Null: volumes stay. */
  readonly maxAgeMs: number | null;
  /** When this process last used a volume, in ms since 1970, by name. */
  readonly lastUsed: ReadonlyMap<string, number>;
  readonly log: Logger;
}

/** A journal older than this is nobody's. */
const REPORTED_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** `now` in ms since 1970. Throws what the engine throws. */
export async function collectGarbage(
  options: GarbageOptions,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const { maxAgeMs, lastUsed, log, engine } = options;
  for (const { name, createdAt } of await list(options, "reported", signal)) {
    if (now - timeOf(createdAt, now) > REPORTED_MAX_AGE_MS) await remove(options, name, signal);
  }
  if (maxAgeMs === null) return;
  for (const { name, createdAt } of await list(options, "sidecar", signal)) {
    const used = Math.max(timeOf(createdAt, now), lastUsed.get(name) ?? 0);
    if (now - used <= maxAgeMs) continue;
    // The volume first: a mark alone says nothing, a volume without its mark is made anew.
    if (!(await remove(options, name, signal))) continue;
    await remove(options, completionNameOf(name), signal);
    log.info("sidecar volume removed that no task used for long", { volume: name });
  }
  for (const { name } of await list(options, "sidecar-complete", signal)) {
    const volume = name.slice(0, -completionNameOf("").length);
    if ((await engine.volumes.inspect(volume, signal)) === null) await remove(options, name, signal);
  }
}

function list({ engine }: GarbageOptions, role: Role, signal: AbortSignal): Promise<readonly Volume[]> {
  return engine.volumes.list({ labels: [labelFilter("role", role)] }, signal);
}

/** False when a container uses it. */
async function remove({ engine }: GarbageOptions, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await engine.volumes.remove(name, signal);
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

/** An engine that does not say when is taken to mean "just now". */
function timeOf(createdAt: string, now: number): number {
  const time = Date.parse(createdAt);
  return Number.isNaN(time) ? now : time;
}
