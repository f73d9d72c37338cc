/** Removes sidecar volumes that no task has used for long, and the marks beside what is gone. */
import type { Logger } from "../../../logging/logger.ts";
import type { Engine } from "../engine/engine.ts";
import type { Volume } from "../engine/volumes.ts";
import { labelFilter, type Role } from "../labels.ts";
import type { Refusals } from "../refusals.ts";
import { completionNameOf } from "./volume-name.ts";

export interface GarbageOptions {
  readonly engine: Pick<Engine, "volumes">;
  /** Null: volumes stay. */
  readonly maxAgeMs: number | null;
  /** When this process last used a volume, in ms since 1970, by name. */
  readonly lastUsed: ReadonlyMap<string, number>;
  readonly refusals: Refusals;
  readonly log: Logger;
}

/** A journal older than this is nobody's. */
const REPORTED_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/** `now` in ms since 1970. Throws EngineGone, and what the engine throws when it is asked what there is. */
export async function collectGarbage(
  options: GarbageOptions,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const { maxAgeMs, lastUsed, log, engine, refusals } = options;
  const seen = new Set<string>();
  const list = async (role: Role): Promise<readonly Volume[]> => {
    const volumes = await engine.volumes.list({ labels: [labelFilter("role", role)] }, signal);
    for (const { name } of volumes) seen.add(name);
    return volumes;
  };
  const remove = (name: string) => removeUnused(options, name, signal);
  for (const { name, createdAt } of await list("reported")) {
    if (now - timeOf(createdAt, now) > REPORTED_MAX_AGE_MS) await remove(name);
  }
  if (maxAgeMs !== null) {
    for (const { name, createdAt } of await list("sidecar")) {
      const used = Math.max(timeOf(createdAt, now), lastUsed.get(name) ?? 0);
      // The volume first: a mark alone says nothing, a volume without its mark is made anew.
      if (now - used <= maxAgeMs || !(await remove(name))) continue;
      await remove(completionNameOf(name));
      log.info("sidecar volume removed that no task used for long", { volume: name });
    }
    for (const { name } of await list("sidecar-complete")) {
      const volume = name.slice(0, -completionNameOf("").length);
      await refusals.puttingOff(name, { volume: name }, async () => {
        if ((await engine.volumes.inspect(volume, signal)) === null) await remove(name);
      });
    }
  }
  refusals.forgetAllBut((name) => seen.has(name));
}

/** False when a container uses it, or the engine refuses: that keeps no other from going. */
async function removeUnused(
  { engine, refusals }: GarbageOptions,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  let isGone = false;
  await refusals.puttingOff(name, { volume: name }, async () => {
    isGone = await engine.volumes.removeUnused(name, signal);
  });
  return isGone;
}

/** An engine that does not say when is taken to mean "just now". */
function timeOf(createdAt: string, now: number): number {
  const time = Date.parse(createdAt);
  return Number.isNaN(time) ? now : time;
}
