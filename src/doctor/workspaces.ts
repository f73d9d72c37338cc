/** Whether there is room where tasks write on this host. */
import type { Workplace } from "../config/resolve-backend.ts";
import { wordsOf } from "../logging/words-of.ts";
import { lookAtFolder } from "../process/makeable-folder.ts";
import type { Finding } from "./finding.ts";
import { freeBytesAt, sizeText } from "./free-space.ts";

/** A clone and what is built of it. */
const LITTLE_BYTES = 1024 ** 3;

export async function checkWorkspaces({ dir, minFreeBytes, setting }: Workplace): Promise<Finding> {
  const name = "workspaces";
  try {
    const free = await freeBytesAt(lookAtFolder(dir).nearest);
    const detail = `${sizeText(free)} free at ${dir}`;
    if (free < minFreeBytes) {
      const hint = `make room, or lower ${setting}`;
      return { name, status: "fail", detail: `${detail}, too little for any task (min_free_gb)`, hint };
    }
    if (free >= LITTLE_BYTES) return { name, status: "ok", detail };
    const hint = "make room, or give backend.direct a folder of a larger disk";
    return { name, status: "warn", detail, hint };
  } catch (error) {
    return { name, status: "warn", detail: `cannot tell the free space at ${dir}: ${wordsOf(error)}` };
  }
}
