/** How much room a file system has. */
import { statfs } from "node:fs/promises";

const KB = 1024;
const UNITS = ["bytes", "KB", "MB", "GB", "TB"] as const;

/** What a plain user may still write there. `dir` exists. Rejects with the system's error. */
export async function freeBytesAt(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

/** For people: 980 bytes, 12.3 MB, 1.8 TB. */
export function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= KB && unit < UNITS.length - 1) {
    size /= KB;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}
