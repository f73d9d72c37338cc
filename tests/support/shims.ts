/** The process of a daemon that parents its agents: found from outside, as whoever kills it would find it. */
import { readdirSync, readFileSync } from "node:fs";
import { SHIM_COMMAND } from "../../src/cli/shim-command.ts";

/** Pids of the shims that this daemon has started and that run. */
export function shimsOf(daemonPid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isShimOf(pid, daemonPid));
}

/** The one that it has. Throws where it has none, or several: what a test sends to pid 0 its whole run gets. */
export function shimOf(daemonPid: number): number {
  const [shim, ...more] = shimsOf(daemonPid);
  if (shim === undefined || more.length > 0)
    throw new Error(
      `The daemon ${daemonPid} has ${shim === undefined ? "no shim" : `the shims ${[shim, ...more]}`}`,
    );
  return shim;
}

function isShimOf(pid: number, daemonPid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || Number(parent) !== daemonPid) return false;
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(SHIM_COMMAND);
  } catch {
    return false; // it has just ended
  }
}
