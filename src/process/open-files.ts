/** How many files a task may open: what the daemon itself was given, before Bun raised it. */
import { readFileSync } from "node:fs";

/** What Linux, systemd and every login give by default. */
const USUAL_SOFT_LIMIT = 1024;
/** proc_pid_limits(5): it begins a line, and the soft limit follows it. */
const NAME = "\nMax open files";

/**
 * The soft limit that this process was started with. By the time that any of our code runs it is
 * gone from this process, so it is the parent's; a service manager's own limit says nothing of what
 * it gives to services, so under process 1 it is the usual one.
 */
export function inheritedOpenFilesLimit(): number {
  if (process.ppid <= 1) return USUAL_SOFT_LIMIT;
  try {
    const limits = readFileSync(`/proc/${process.ppid}/limits`, "latin1");
    const soft = Number.parseInt(limits.slice(limits.indexOf(NAME) + NAME.length), 10);
    return Number.isNaN(soft) ? USUAL_SOFT_LIMIT : soft;
  } catch {
    return USUAL_SOFT_LIMIT;
  }
}
