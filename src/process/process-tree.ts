/** Ends a task's processes: all of them, gently first. */
import { firing, never, pause, within } from "../async/wait.ts";
import { codeOf } from "../logging/words-of.ts";
import { NO_GROUP, type ProcessEntry } from "./process-table.ts";
import type { Mark, Surveyor } from "./stragglers.ts";

/** How often the table is looked at while something is left; the kernel tells nobody when a grandchild ends. */
const LOOK_AGAIN_MS = 100;
/** A process that is stuck in the kernel (a dead network disk) cannot be killed; the task must not hang on it. */
const KILL_LOOKS = 50;

export interface ProcessTree {
  /** The leader's pid, which is the number of its group and session; NO_GROUP. */
  readonly groupId: number;
  readonly mark: Mark;
  /** The leader ended. */
  readonly leaderExited: Promise<unknown>;
  /** Which of what is found is meant; all of it unless told. */
  readonly among?: (found: readonly ProcessEntry[]) => readonly ProcessEntry[];
  /** Its group is gone, and nobody can look at the processes: of what has left the group nothing is known. */
  readonly onUnseen?: (error: unknown) => void;
}

export interface StopOptions {
  readonly surveyor: Surveyor;
  readonly graceMs: number;
  /** Cuts the grace period short. */
  readonly hurry: AbortSignal;
}

/** A process that somebody stopped (SIGSTOP, a terminal) hears the first only once it goes on. */
const ASK_TO_END = ["SIGTERM", "SIGCONT"] as const;

/** SIGTERM to all, the grace period, SIGKILL to what is left. Resolves when nothing of it runs. */
export async function stopTree(tree: ProcessTree, options: StopOptions): Promise<void> {
  for (const signal of ASK_TO_END) signalGroup(tree.groupId, signal);
  for (const entry of await look(tree, options.surveyor)) {
    if (!outside(tree, entry)) continue;
    for (const signal of ASK_TO_END) signalProcess(entry.pid, signal);
  }
  using hurried = firing(options.hurry);
  const scope = new AbortController();
  const gone = emptied(tree, options.surveyor, scope.signal);
  const isGone = await within(Promise.race([gone, hurried.fired]), options.graceMs, false);
  scope.abort();
  if (isGone !== true) await killTree(tree, options.surveyor);
}

/** SIGKILL until a look finds nothing: what was forked during one look is found by the next. */
export async function killTree(tree: ProcessTree, surveyor: Surveyor): Promise<void> {
  for (let looks = 0; looks < KILL_LOOKS; looks++) {
    const members = await look(tree, surveyor);
    if (members.length === 0) return;
    signalGroup(tree.groupId, "SIGKILL");
    for (const { pid } of members) signalProcess(pid, "SIGKILL");
    if (looks > 0) await pause(LOOK_AGAIN_MS, never());
  }
}

/** One system call, for the usual case that a task which ended by itself left nothing in its group. */
export function groupIsEmpty(groupId: number): boolean {
  if (groupId <= 1) return true;
  try {
    process.kill(-groupId, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

/** True: a look that began after the leader's end found nothing. False: `scope` ended first. */
async function emptied(tree: ProcessTree, surveyor: Surveyor, scope: AbortSignal): Promise<boolean> {
  await tree.leaderExited;
  while ((await look(tree, surveyor)).length > 0) {
    await pause(LOOK_AGAIN_MS, scope);
    if (scope.aborted) return false;
  }
  return true;
}

async function look(tree: ProcessTree, surveyor: Surveyor): Promise<readonly ProcessEntry[]> {
  try {
    const found = (await surveyor.survey()).membersOf(tree.groupId, tree.mark);
    return tree.among?.(found) ?? found;
  } catch (error) {
    // No descriptor is left in the system, and this task may be why. Its group can be asked for without one, and ended:
    // an agent that was cancelled then once ran on.
    if (tree.groupId === NO_GROUP) throw error;
    if (!groupIsEmpty(tree.groupId)) return [leaderOf(tree.groupId)];
    tree.onUnseen?.(error);
    return [];
  }
}

/** It stands for whatever there is in the group. */
function leaderOf(groupId: number): ProcessEntry {
  return { pid: groupId, groupId, parentPid: 0, state: "", zombie: false, startedAt: "" };
}

function outside(tree: ProcessTree, entry: ProcessEntry): boolean {
  return entry.groupId !== tree.groupId;
}

function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  // kill(-1) is every process of this user, kill(0) is our own group: neither may ever be reached.
  if (groupId > 1) signalProcess(-groupId, signal);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended first. EPERM: it became another user's, and is not ours to end.
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error;
  }
}
