/**
 * Whom the kernel ends first when memory is short (proc_pid_oom_score_adj(5)). Left to itself it takes the largest, and
 * on a small machine that is not the agent that takes all of it: the worker was, and its shim may be, and with that one
 * go the exit statuses of all agents. So agents come first.
 */
import { openSync, readSync, writeSync } from "node:fs";

const OWN = "/proc/self/oom_score_adj";
/** Of 1,000, which stand for all memory that there is: as much as other runners give their jobs. */
const MORE = 500;
const HIGHEST = 1_000;
const ANSWER_BYTES = 16;

/** Children started in `work` are ended before this process is. */
export type Before = <T>(work: () => T) => T;

/** Null where there is no such thing. The descriptor is kept, for each task's start needs it. */
export function openOomScore(path = OWN): Before | null {
  try {
    const file = openSync(path, "r+");
    const answer = Buffer.alloc(ANSWER_BYTES);
    const own = Number.parseInt(answer.toString("latin1", 0, readSync(file, answer, 0, ANSWER_BYTES, 0)), 10);
    if (Number.isNaN(own)) return null;
    const [raised, back] = [Math.min(own + MORE, HIGHEST), own].map((score) => Buffer.from(`${score}\n`));
    return (work) => {
      write(file, raised);
      try {
        return work();
      } finally {
        write(file, back);
      }
    };
  } catch {
    return null;
  }
}

/** Never throws: a task is worth more than its place in that order. Anybody may go up, and down again to where he was. */
function write(file: number, score: Buffer | undefined): void {
  try {
    if (score !== undefined) writeSync(file, score, 0, score.length, 0);
  } catch {
    // Forbidden here.
  }
}
