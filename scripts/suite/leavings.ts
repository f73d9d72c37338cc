/** What tests have left on the machine: in their temporary folder, and of processes that came out of it. */
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { becomes } from "../services/service.ts";

/** What is just ending, as the sleep of a shell that was killed, is not left. */
const ENDS_WITHIN_MS = 5_000;

/**
 * A temporary folder for tests alone, in `scratch`, which is anybody's to go through: tests run programs as nobody. It has a
 * short name, for sockets lie in it, whose paths hold some hundred bytes.
 */
export async function makeTemporary(scratch: string): Promise<string> {
  const temporary = join(scratch, "t");
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  await chmod(scratch, 0o755);
  return temporary;
}

/** One in words each; empty: nothing. Processes that are left are killed. */
export async function leftIn(folder: string, endsWithinMs = ENDS_WITHIN_MS): Promise<string[]> {
  await becomes(() => processesOf(folder).length === 0, endsWithinMs);
  const processes = processesOf(folder).map((pid) => `the process ${pid} (${endOf(pid)})`);
  return [...processes, ...readdirSync(folder).sort()];
}

/** Variables that tell where somebody has gone to look, as whoever runs the tests may. */
const WHEREABOUTS = /^(?:PWD|OLDPWD|_)=/;

/** Those that have a path in it in their environment, as workers and agents have. None where there is no /proc. */
function processesOf(folder: string): number[] {
  const isOfIt = (entry: string) => entry.includes(folder) && !WHEREABOUTS.test(entry);
  return pids().filter((pid) => readText(pid, "environ").split("\0").some(isOfIt));
}

/** @returns its command line */
function endOf(pid: number): string {
  const commandLine = readText(pid, "cmdline").replaceAll("\0", " ").trim().slice(0, 200);
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
  return commandLine;
}

function pids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map(Number);
  } catch {
    return [];
  }
}

/** Empty for one that has ended, or is not ours to look at. */
function readText(pid: number, name: "environ" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}
