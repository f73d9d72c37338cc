/** Sees an agent through to its end, or ends it. */
import { firing, pause } from "../../async/wait.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Afterlook } from "../../process/afterlook.ts";
import { letStopCatchUp, wasAskedToEnd } from "../../process/asked-to-end.ts";
import { howItEnded, SIGKILLED } from "../../process/how-it-ended.ts";
import { isAlive, NO_GROUP, readCommandLine } from "../../process/process-table.ts";
import { groupIsEmpty, killTree, type ProcessTree, stopTree } from "../../process/process-tree.ts";
import type { Exit, Exited } from "../../process/shim/client.ts";
import { readExitFile } from "../../process/shim/exit-file.ts";
import type { Ward } from "../../process/shim/ward.ts";
import type { Surveyor } from "../../process/stragglers.ts";
import {
  type Completion,
  isCancelled,
  isShutdown,
  type RunContext,
  TaskFailure,
  TaskStopped,
} from "../../task/backend.ts";
import { isWithinGrace } from "../../task/grace.ts";
import { markOf } from "./environment.ts";
import type { DirectHandle } from "./handle.ts";
import { gitConfigIn, type Workspace } from "./workspace.ts";

export interface SuperviseOptions {
  readonly surveyor: Surveyor;
  readonly afterlook: Afterlook;
  readonly graceMs: number;
  /** Whether an earlier worker has told it to end, when, and whether that was for its own shutdown. */
  readonly stopped: Pick<DirectHandle, "stopping" | "stoppedAt">;
  /** This one does, from now on: whoever comes after a kill or a second signal has to know. Not of a cancellation, which is known. */
  readonly onStop: (isShutdown: boolean) => void;
}

/** An agent that ended well did not mean to leave anything; what it left gets a moment, not the full grace. */
export const LEFTOVER_GRACE_MS = 1_000;
const LOOK_EVERY_MS = 500;
/** A look at all processes costs milliseconds, which are nothing beside a task of this length, or one that was taken over. */
const WORTH_A_LOOK_MS = 1_000;

/** Resolves for exit status 0; throws TaskFailure for any other, and the signal's reason once all of it is gone. */
export async function seeThrough(
  agent: Ward,
  workspace: Workspace,
  { surveyor, afterlook, graceMs, stopped: before, onStop }: SuperviseOptions,
  { signal, hurry, log }: RunContext,
): Promise<void> {
  const onUnseen = unseenOnce(log);
  /** Never rejects: the task's end is another matter than what it left. */
  const endTree = (mostMs: number) => {
    const tree: ProcessTree = {
      groupId: agent.groupId(),
      mark: markOf(workspace),
      leaderExited: agent.exited,
      onUnseen,
    };
    return stopTree(tree, { surveyor, graceMs: mostMs, hurry }).catch(onUnseen);
  };
  const startedAt = performance.now();
  const exit = await exitOrStop(agent, signal);
  if (exit === undefined) {
    if (!isCancelled(signal)) onStop(isShutdown(signal));
    await endTree(graceMs);
    throw signal.reason;
  }
  if (exit.kind === "lost")
    return outliveLoss(agent, () => endTree(signal.aborted ? graceMs : 0), { signal, log });
  const isShort = exit.at === undefined && performance.now() - startedAt <= WORTH_A_LOOK_MS;
  if (!isShort || !groupIsEmpty(agent.groupId())) await endTree(Math.min(graceMs, LEFTOVER_GRACE_MS));
  else afterlook.add(markOf(workspace));
  await letStopCatchUp(exit.status, signal);
  requireOwnEnd(before, exit, graceMs);
  requireSuccess(exit.status);
}

/** Where the processes cannot be listed, each look says so. */
function unseenOnce(log: RunContext["log"]): (error: unknown) => void {
  let isTold = false;
  return (error) => {
    if (!isTold) log.warn("cannot look for what the agent left running", { error: wordsOf(error) });
    isTold = true;
  };
}

/** Undefined: the signal fired first. */
async function exitOrStop(agent: Ward, signal: AbortSignal): Promise<Exit | undefined> {
  // There is nothing to wait for, and nothing to be told of.
  if (agent.isOver && !signal.aborted) return agent.exited;
  using stopped = firing(signal);
  // The user's word comes first, for a task taken over that was cancelled before: however it ended, it was.
  const first = isShutdown(signal) ? [agent.exited, stopped.fired] : [stopped.fired, agent.exited];
  return (await Promise.race(first)) ?? undefined;
}

/**
 * An agent has the mark of this folder, and a shim that waits for it: another worker on this host had begun the task,
 * to which the control plane had given it before. What an agent only left behind has no parent, and neither has an agent
 * whose shim was killed, too: that one has the task's id in its command line. True also where nobody can look: a task
 * that is turned down is offered again.
 */
export function hasAgent(dir: string, agentTaskId: string, surveyor: Surveyor): boolean {
  try {
    const marked = surveyor.look().membersOf(NO_GROUP, markOf({ gitConfig: gitConfigIn(dir) }));
    return marked.some(
      ({ pid, groupId, parentPid }) => pid === groupId && (parentPid > 1 || isAgentOf(agentTaskId, pid)),
    );
  } catch {
    return true;
  }
}

function isAgentOf(taskId: string, pid: number): boolean {
  const argv = readCommandLine(pid);
  return argv.some((argument, at) => argument === "--task-id" && argv[at + 1] === taskId);
}

/**
 * The end of a task whose worker was killed, and in whose folder another has begun it anew since: nothing there is
 * touched, neither ended nor removed. Where nobody wrote down how it ended, its one report is the other's: a failure told
 * of here was taken for the end of what ran there, for a report names the task alone, and the other's came after it.
 */
export function concludeUntouched(
  { exitFile, ...stopped }: Pick<DirectHandle, "exitFile" | "stopping" | "stoppedAt">,
  graceMs: number,
  { signal, log }: Pick<RunContext, "signal" | "log">,
): Completion {
  // However it ended: its user had cancelled it before its worker was killed.
  if (isCancelled(signal)) throw signal.reason;
  const ended = exitFile === null ? null : readExitFile(exitFile);
  if (ended !== null) {
    requireOwnEnd(stopped, ended, graceMs);
    requireSuccess(ended.status);
    return "completed";
  }
  signal.throwIfAborted();
  return leftToAnother(log);
}

/** The same where the other works in another folder, so that what is left in the dead one's is to go: `run` sees to that. */
export async function concludeApart(
  run: Promise<Completion>,
  { signal, log }: Pick<RunContext, "signal" | "log">,
): Promise<Completion> {
  try {
    return await run;
  } catch (error) {
    const isUnknown = error instanceof TaskFailure && error.exitCode === undefined;
    if (!isUnknown || signal.aborted) throw error;
    return leftToAnother(log);
  }
}

function leftToAnother(log: RunContext["log"]): Completion {
  log.info("another worker on this host has begun the task anew: how that ends is reported");
  return "handed-off";
}

/** Ends whatever an agent started whose pid nobody wrote down: the worker died in that moment. */
export async function killUnknownAgent(workspace: Workspace, surveyor: Surveyor): Promise<void> {
  const tree = { groupId: NO_GROUP, mark: markOf(workspace), leaderExited: Promise.resolve() };
  await killTree(tree, surveyor);
}

/** The same of an agent whose worker was killed: the folder is another task's now, so that nobody else ends it. Never rejects. */
export async function endLeftovers(
  workspace: Workspace,
  surveyor: Surveyor,
  log: RunContext["log"],
): Promise<void> {
  await killUnknownAgent(workspace, surveyor).catch(unseenOnce(log));
}

/** Nobody can tell its status any more, but its work may still be under way: it is not cut short. */
async function outliveLoss(
  agent: Ward,
  endTree: () => Promise<void>,
  { signal, log }: Pick<RunContext, "signal" | "log">,
): Promise<never> {
  if (isAlive(agent.identity)) log.warn("the agent runs on, but its exit status will be unknown");
  while (isAlive(agent.identity) && !signal.aborted) await pause(LOOK_EVERY_MS, signal);
  await endTree();
  signal.throwIfAborted();
  throw new TaskFailure(
    "agent_invocation",
    "the agent ended, but its exit status is not known: the process that waited for it was killed or cannot write it down, or the host restarted",
  );
}

/** Throws where it was the stop that ended it. */
function requireOwnEnd(before: SuperviseOptions["stopped"], exit: Ended, graceMs: number): void {
  if (wasForStop(before, exit, graceMs)) throw new TaskStopped(before.stopping ? "shutdown" : "timeout");
}

type Ended = Pick<Exited, "status" | "at">;

/**
 * An agent that is told to end may end early and well, which is not its work's end. Any other status is a
 * failure of the agent's own, told to stop or not.
 */
function wasForStop(
  { stopping, stoppedAt }: SuperviseOptions["stopped"],
  { status, at }: Ended,
  graceMs: number,
): boolean {
  if (!stopping && stoppedAt === null) return false;
  // Killed: so a stop of ours ends what does not do as it was asked.
  if (status === SIGKILLED || wasAskedToEnd(status)) return true;
  return status === 0 && stoppedAt !== null && at !== undefined && isWithinGrace(at, stoppedAt, graceMs);
}

function requireSuccess(status: number): void {
  if (status === 0) return;
  throw new TaskFailure("agent_invocation", `the agent ${howItEnded(status)}`, { exitCode: status });
}
