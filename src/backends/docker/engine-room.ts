/** The room where an engine on this host keeps images and containers. */
import { existsSync } from "node:fs";
import type { DockerSettings } from "../../config/settings.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { Room } from "../../process/room.ts";
import type { Engine } from "./engine/engine.ts";

const SETTING = "backend.docker.min_free_gb";

/** Null: nobody asked for it, or it cannot be looked at from here, which is a warning. Rejects with the reason to stop. */
export async function engineRoom(
  { minFreeBytes }: DockerSettings,
  engine: Engine,
  log: Logger,
  { stop, signal }: { readonly stop: AbortSignal; readonly signal: AbortSignal },
): Promise<Room | null> {
  if (minFreeBytes === 0) return null;
  try {
    const dir = await folderOf(engine, signal);
    return new Room({ dir, minFreeBytes, setting: SETTING, log });
  } catch (error) {
    stop.throwIfAborted();
    log.warn("the free disk space of the container engine cannot be told: no task is turned down for it", {
      why: wordsOf(error),
      setting: SETTING,
    });
    return null;
  }
}

async function folderOf({ chosen, facilities }: Engine, signal: AbortSignal): Promise<string> {
  if (chosen.endpoint.kind !== "unix") throw new Error(`${chosen.label} may be on another host`);
  const folder = await facilities.folder(signal);
  if (folder === null) throw new Error(`${chosen.label} does not tell where its folder is`);
  if (!existsSync(folder)) throw new Error(`its folder ${folder} is not to be seen from here`);
  return folder;
}
