/**
 * Symbolic links that climb above the root of their image, where `..` leads nowhere: engines up to 29 refuse to
 * unpack those into a folder ("invalid symlink"), although images have them. Such a link is given the path at which
 * it arrives in the image.
 */
import { posix } from "node:path";
import { paddedBytes, TAR_BLOCK_BYTES, TAR_TYPES, type TarUnit } from "./tar-unit.ts";

/** What stands before the link's entry to tell where it leads; null for all that stays below the root. */
export function correctionOf({ type, path, link }: TarUnit): Uint8Array | null {
  if (type !== TAR_TYPES.symlink) return null;
  const folder = posix.dirname(path);
  // As the engine reckons, an absolute one too.
  const reckoned = posix.normalize(`${folder}/${link}`);
  if (reckoned !== ".." && !reckoned.startsWith("../")) return null;
  return longLink(posix.normalize(posix.isAbsolute(link) ? link : `/${folder}/${link}`));
}

/** GNU's entry of type K, which wins over whatever the next one says itself, in its header or before it. */
function longLink(target: string): Uint8Array {
  const data = new TextEncoder().encode(`${target}\0`);
  const entry = new Uint8Array(TAR_BLOCK_BYTES + paddedBytes(data.length));
  const write = (text: string, at: number) => entry.set(new TextEncoder().encode(text), at);
  write("././@LongLink", 0);
  for (const at of [100, 108, 116]) write("0000000\0", at);
  write(`${data.length.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0`, 124);
  // Its sum is taken with spaces in its place.
  write(" ".repeat(8), 148);
  write("K", 156);
  write("ustar  \0", 257);
  const sum = entry.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  entry.set(data, TAR_BLOCK_BYTES);
  return entry;
}
