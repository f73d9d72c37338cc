/**
 * Are there signals that this thread has blocked? A mask is inherited over fork and exec as ignored signals are, but
 * no runtime gives its children the default of it. The runtime itself takes blocked signals where it waits for events.
 */
import { readFileSync } from "node:fs";

/** Linux's SIG_SETMASK. */
export const SET_MASK = 2;
/** The C library's sigset_t: 1024 bits. */
export const NO_SIGNALS = new BigUint64Array(16);

/** False also where it cannot be told: only Linux shows it. */
export function blocksSignals(): boolean {
  if (process.platform !== "linux") return false;
  try {
    const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/thread-self/status", "latin1"))?.[1];
    return blocked !== undefined && BigInt(`0x${blocked}`) !== 0n;
  } catch {
    return false;
  }
}
