/** Processes of a test's own: what they look like from outside, and their certain end. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isAlive, type ProcessIdentity } from "../../../src/process/process-table.ts";

export class Spawned implements Disposable {
  readonly #identities: ProcessIdentity[] = [];

  /** From now on it ends with the test, and the group that it leads as well. */
  add<T extends ProcessIdentity | null>(identity: T): T {
    if (identity !== null) this.#identities.push(identity);
    return identity;
  }

  [Symbol.dispose](): void {
    for (const identity of this.#identities) {
      for (const pid of [-identity.pid, identity.pid]) {
        try {
          // A group may outlive its leader; its number is then still taken.
          if (pid < 0 || isAlive(identity)) process.kill(pid, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
    }
  }
}

export function environmentOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").slice(0, -1).toSorted();
}

export function statusOf(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

export function softLimitOf(pid: number): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);
}

export function oomScoreOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
}

export function descriptorsOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .toSorted((one, other) => one - other);
}

export function linkOf(pid: number, name: string): string {
  return readlinkSync(`/proc/${pid}/${name}`);
}

/** Fields of proc_pid_stat(5) after the name, the state first. */
export function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
