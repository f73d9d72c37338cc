/**
 * A mark that no process loses with its session, its parents or its environment: the soft limit of file locks. Linux
 * hands it down to every child, shows it in /proc to everybody, and has not heeded it since 2.4.25.
 */
import { readSoftLimit } from "./process-table.ts";

/** No limit that anybody sets by hand is so high. */
const LOWEST = 2 ** 52;

/** Of the text that its environment is known by (`Mark`): always the same, and no other's, by 52 bits. */
export function birthmarkOf(mark: string): number {
  let [high, low] = [0x9e3779b9, 0x85ebca6b];
  for (let at = 0; at < mark.length; at++) {
    const code = mark.charCodeAt(at);
    high = Math.imul(high ^ code, 0x2c1b3c6d);
    low = Math.imul(low ^ code, 0x297a2d39);
    high ^= low >>> 15;
    low ^= high >>> 13;
  }
  high = mixed(high ^ (low >>> 16));
  low = mixed(low ^ (high >>> 16));
  return LOWEST + (high & 0xfffff) * 2 ** 32 + (low >>> 0);
}

function mixed(bits: number): number {
  const once = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  const twice = Math.imul(once ^ (once >>> 15), 0x735a2d97);
  return twice ^ (twice >>> 15);
}

/** Null when it has none, or is gone. */
export function readBirthmark(pid: number): number | null {
  const soft = readSoftLimit(pid, "Max file locks");
  return soft !== null && soft >= LOWEST ? soft : null;
}
