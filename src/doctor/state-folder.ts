/** Whether the worker could keep its journal on disk. Nothing is made, and no slot is taken from a running worker. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { FOREIGN_LOCK, FOREIGN_LOCK_HINT, STATE_DIR_HINT } from "../journal/open.ts";
import { workerStateDir } from "../journal/path-component.ts";
import { isForbidden } from "../journal/slot.ts";
import { wordsOf } from "../logging/words-of.ts";
import { lookAtFolder } from "../process/makeable-folder.ts";
import type { Finding } from "./finding.ts";
import { freeBytesAt, sizeText } from "./free-space.ts";

const LITTLE_BYTES = 100 * 1024 * 1024;

export async function checkStateFolder(stateDir: string, workerId: string): Promise<Finding> {
  const dir = workerStateDir(stateDir, workerId);
  const { nearest, exists, why } = lookAtFolder(dir);
  if (why !== null) return unusable(dir, why);
  try {
    const foreign = exists ? foreignLockIn(dir) : null;
    if (foreign !== null) {
      return {
        name: "state-folder",
        status: "warn",
        detail: `${foreign} ${FOREIGN_LOCK}`,
        hint: FOREIGN_LOCK_HINT,
      };
    }
    const free = await freeBytesAt(nearest);
    const place = exists ? `${dir} can be written` : `${dir} can be made`;
    const detail = `${place}, ${sizeText(free)} free`;
    return free < LITTLE_BYTES
      ? { name: "state-folder", status: "warn", detail, hint: "make room, or set state_dir (--state-dir)" }
      : { name: "state-folder", status: "ok", detail };
  } catch (error) {
    return unusable(dir, wordsOf(error));
  }
}

/** As at a start, where it costs a warning: tasks run and are reported, but not after a crash. */
function unusable(dir: string, why: string): Finding {
  const detail = `${dir} cannot be used: ${why}; the worker would go on in memory, and a crash would lose running tasks' results`;
  return { name: "state-folder", status: "warn", detail, hint: STATE_DIR_HINT };
}

/** Root's, most of the time, as whom a worker was started once. */
function foreignLockIn(dir: string): string | null {
  const locks = readdirSync(dir).filter((name) => /^slot-\d+\.lock$/.test(name));
  return locks.map((name) => join(dir, name)).find(isForbidden) ?? null;
}
