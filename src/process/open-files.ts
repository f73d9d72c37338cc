/** How many files a task may open: what the daemon itself was given, before Bun raised it. */
import { readSoftLimit } from "./process-table.ts";

/** What Linux, systemd and every login give by default. */
const USUAL_SOFT_LIMIT = 1024;

/**
 * The soft limit that this process was started with. By the time that any of our code runs it is
 * gone from this process, so it is the parent's; a service manager's own limit says nothing of what
 * it gives to services, so under process 1 it is the usual one.
 */
export function inheritedOpenFilesLimit(): number {
  if (process.ppid <= 1) return USUAL_SOFT_LIMIT;
  return readSoftLimit(process.ppid, "Max open files") ?? USUAL_SOFT_LIMIT;
}
