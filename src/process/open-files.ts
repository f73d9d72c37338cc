/** How many files a task may open: what the daemon itself was given, before Bun raised it. */
import { readFileSync } from "node:fs";

/** What Linux, systemd and every login give by default. */
const USUAL_SOFT_LIMIT = 1024;

/**
 * The soft limit that this process was started with. By the time that any of our code runs it is
 * gone from this process, so it is the parent's; a service manager's own limit says nothing of what
 * it gives to services, so under process 1 it is the usual one.
 */
export function inheritedOpenFilesLimit(): number {
  if (process.ppid <= 1) return USUAL_SOFT_LIMIT;
  try {
    const limits = readFileSync(`/proc/${process.ppid}/limits`, "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? USUAL_SOFT_LIMIT);
  } catch {
    return USUAL_SOFT_LIMIT;
  }
}
