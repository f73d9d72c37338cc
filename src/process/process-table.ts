/** Which processes there are, from /proc, and `ps` where there is none. */

import { readdirSync, readFileSync } from "node:fs";
import { codeOf } from "../logging/words-of.ts";
import { limitReached } from "./limit-reached.ts";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** One letter of proc_pid_stat(5) or ps(1). */
  readonly state: string;
  /** A zombie has ended, with all its threads; only its parent has not asked yet. */
  readonly zombie: boolean;
  /** Same pid and same start: the same process. Comparable within one boot only. */
  readonly startedAt: string;
}

/** A process that can be told from a later one with the same pid, across restarts of the host too. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
  readonly bootId: string;
}

/** A group that does not exist (0 is the kernel's own), for a tree of which only the mark is known. */
export const NO_GROUP = -1;

const hasProc = process.platform === "linux";

/** Null: there is none of that pid, or it could not be looked at. */
export function readProcess(pid: number): ProcessEntry | null {
  try {
    return readPresent(pid);
  } catch {
    return null;
  }
}

/** Null: there is none of that pid. Throws for want of a descriptor or of memory, which says nothing of it. */
function readPresent(pid: number): ProcessEntry | null {
  if (!hasProc) return readWithPs(["-p", String(pid)])[0] ?? null;
  try {
    return readStat(pid);
  } catch (error) {
    if (limitReached(codeOf(error) ?? "") !== null) throw error;
    return null; // gone, which is the usual answer
  }
}

function readStat(pid: number): ProcessEntry {
  return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
}

/**
 * False: there is no process of that pid, for certain. One of another user may be out of sight (hidepid, systemd's
 * ProtectProc=invisible), and one that could not be read is no proof either.
 */
export function mayExist(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** All that this user can see, zombies among them. Throws where nobody can look: what is not seen may well run. */
export function listProcesses(): ProcessEntry[] {
  if (!hasProc) return readWithPs(["-A"]);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readPresent(Number(name)))
    .filter((entry) => entry !== null);
}

/** Empty where it cannot be told: then restarts of the host are not told from restarts of the daemon. */
export function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}

/** Null: it has ended. */
export function identify(pid: number): ProcessIdentity | null {
  const entry = readProcess(pid);
  return entry === null || entry.zombie ? null : { pid, startedAt: entry.startedAt, bootId: readBootId() };
}

/**
 * False for a later process with the same pid, and after a restart of the host. Where nobody can look, for want of a
 * descriptor, whatever has the pid is taken for it: a living agent that counts as dead is ended, its work lost.
 */
export function isAlive({ pid, startedAt, bootId }: ProcessIdentity): boolean {
  if (isOfAnotherBoot(bootId, readBootId())) return false;
  try {
    const entry = readPresent(pid);
    return entry !== null && !entry.zombie && entry.startedAt === startedAt;
  } catch {
    return mayExist(pid);
  }
}

/** PF_EXITING of the kernel's linux/sched.h, which proc_pid_stat(5) shows with its other flags. */
const EXITING = 0x4;

/**
 * It runs nothing of its own any more, although it is there still, and has let go of all its locks perhaps: a process of
 * several threads takes a while to vanish, on a busy machine. False where it cannot be told.
 */
export function isExiting(pid: number): boolean {
  if (!hasProc) return false;
  try {
    const [, , , , , , flags] = statFields(readFileSync(`/proc/${pid}/stat`, "latin1"));
    return (Number(flags) & EXITING) !== 0;
  } catch {
    return false;
  }
}

/**
 * Not known where one of both is empty: a worker whose service was given ProcSubset=pid follows one that could read it,
 * and would end that one's agents as lost. That another process has the same pid and the same start is most unlikely.
 */
function isOfAnotherBoot(one: string, other: string): boolean {
  return one !== other && one !== "" && other !== "";
}

/** The environment that a process was started with; null when it is gone or another user's. */
export function readEnvironment(pid: number): Buffer | null {
  if (!hasProc) return null;
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return null;
  }
}

/** Linux; empty where it cannot be seen, and of a process that is gone. */
export function readCommandLine(pid: number): readonly string[] {
  if (!hasProc) return [];
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** Linux, proc_pid_limits(5); `name` is its own, as "Max open files". Null: there is no limit, or the process is gone. */
export function readSoftLimit(pid: number, name: string): number | null {
  if (!hasProc) return null;
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, "latin1");
    // It begins a line, and the soft limit follows it.
    const start = limits.indexOf(`\n${name}`) + 1;
    const soft = start === 0 ? Number.NaN : Number.parseInt(limits.slice(start + name.length), 10);
    return Number.isNaN(soft) ? null : soft;
  } catch {
    return null;
  }
}

/**
 * Of proc_pid_stat(5) what is after the command, the state first. The command in brackets may hold anything, brackets and
 * spaces included.
 */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Linux, proc_pid_stat(5). */
export function parseStat(stat: string): ProcessEntry {
  const fields = statFields(stat);
  const [state = "", parentPid, groupId] = fields;
  return {
    pid: Number.parseInt(stat, 10),
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    state,
    // Only its first thread has ended when there are more.
    zombie: state === "X" || (state === "Z" && Number(fields[17]) <= 1),
    startedAt: fields[19] ?? "",
  };
}

function readWithPs(selection: readonly string[]): ProcessEntry[] {
  // Loaded where there is no /proc only.
  const { execFileSync } = process.getBuiltinModule("node:child_process");
  let output: string;
  try {
    const columns = ["-o", "pid=,ppid=,pgid=,stat=,lstart="];
    output = execFileSync("ps", [...selection, ...columns], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return []; // ps answers 1 when no process matches
  }
  return output
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, parentPid, groupId, state = "", startedAt = ""]) => ({
      pid: Number(pid),
      parentPid: Number(parentPid),
      groupId: Number(groupId),
      state: state.slice(0, 1),
      zombie: state.startsWith("Z"),
      startedAt,
    }));
}
