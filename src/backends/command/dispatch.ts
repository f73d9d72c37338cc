/** One dispatch, from the command's start to what it means for the task. */
import type { ExecutionRef } from "../../journal/execution.ts";
import { createRedactor, type Redact } from "../../logging/redact.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { letStopCatchUp } from "../../process/asked-to-end.ts";
import { NO_GROUP } from "../../process/process-table.ts";
import { groupIsEmpty, type ProcessTree, stopTree } from "../../process/process-tree.ts";
import type { Exit, Exited } from "../../process/shim/client.ts";
import type { Ward } from "../../process/shim/ward.ts";
import { type Mark, NO_MARK } from "../../process/stragglers.ts";
import {
  type Completion,
  isCancelled,
  isShutdown,
  type RunContext,
  TaskFailure,
  TaskStopped,
} from "../../task/backend.ts";
import { tellEngine } from "./cancel.ts";
import { markOf } from "./environment.ts";
import type { Ending } from "./handle.ts";
import { lastWords } from "./last-words.ts";
import { type Interruption, seeThrough, treeOf } from "./see-through.ts";
import type { CommandTools } from "./tools.ts";
import { failureWords, overTimeWords } from "./verdict.ts";

export interface Dispatch {
  readonly ref: ExecutionRef;
  readonly ward: Ward;
  /** What belongs to it beside its group; NO_MARK: nothing, for another worker dispatches the same execution. */
  readonly mark: Mark;
  /** In ms since 1970. */
  readonly deadline: number;
  /** An earlier worker has told it to end. */
  readonly ending: Ending | null;
  /** This one does: whoever comes after a second signal has to know. */
  readonly onEnding: (ending: Ending) => void;
  /** Takes what the payload held out of what the command says. */
  readonly redact: Redact;
}

interface Interrupted {
  readonly exit: Exit;
  readonly interruption: Interruption;
}

const NAME = "dispatch_command";
/** What a dispatch that failed left in its group hands nothing over any more. */
const LEFTOVER_GRACE_MS = 1_000;

/** Resolves when the engine has the task; throws TaskFailure, or the signal's reason once nothing runs any more. */
export async function concludeDispatch(
  dispatch: Dispatch,
  tools: CommandTools,
  context: RunContext,
): Promise<Completion> {
  const { ref, ward, mark, deadline } = dispatch;
  const { settings, graceMs, surveyor } = tools;
  const leftMs = Math.min(Math.max(deadline - Date.now(), 0), settings.dispatchTimeoutMs);
  const onInterruption = (interruption: Interruption) => {
    const ending = endingOf(interruption);
    if (ending !== null) dispatch.onEnding(ending);
  };
  const limits = { leftMs, graceMs, surveyor, mark, onInterruption };
  const end = await seeThrough(ward, limits, context);
  logOutput(end.exit, dispatch.redact, context);
  const interruption = end.interruption ?? earlierInterruption(dispatch.ending, end.exit);
  if (interruption !== null) return giveUp({ exit: end.exit, interruption }, dispatch, tools, context);
  if (end.exit.kind === "lost") return giveUpLost(dispatch, tools, context);
  if (end.exit.status !== 0) return fail(end.exit, dispatch, tools, context);
  // From here to the border nothing waits, so a cancellation comes before this line or after the end.
  if (context.signal.aborted && !isShutdown(context.signal))
    return takeBack(ref, tools, context, context.signal.reason);
  return "handed-off";
}

/** Null for a cancellation, which the journal has. */
function endingOf(interruption: Interruption): Ending | null {
  if (interruption.kind === "over-time") return interruption.kind;
  const { reason } = interruption;
  return reason instanceof TaskStopped && reason.why !== "cancelled" ? reason.why : null;
}

/** By a worker that was killed before it saw the end; of one that nobody saw, nothing is known. */
function earlierInterruption(ending: Ending | null, exit: Exit): Interruption | null {
  if (ending === null || exit.kind === "lost") return null;
  return ending === "over-time" ? { kind: ending } : { kind: "told", reason: new TaskStopped(ending) };
}

/** It was ended. Should it have handed the task over with its last breath, the engine is told to let go. */
async function giveUp(
  { exit, interruption }: Interrupted,
  { ref, redact }: Dispatch,
  tools: CommandTools,
  context: RunContext,
): Promise<Completion> {
  const accepted = exit.kind === "exited" && exit.status === 0;
  // What a stopping worker has handed over goes on without it.
  if (accepted && (isShutdown(context.signal) || endingOf(interruption) === "shutdown")) return "handed-off";
  // The words of a shutdown would have it retried.
  if (exit.kind === "lost" && isShutdown(context.signal)) throw endUnknown();
  const why =
    interruption.kind === "told"
      ? interruption.reason
      : new TaskFailure(
          "dispatch_timeout",
          overTimeWords(NAME, tools.settings.dispatchTimeoutMs, exit, redact),
        );
  if (accepted) return takeBack(ref, tools, context, why);
  throw why;
}

async function takeBack(
  ref: ExecutionRef,
  tools: CommandTools,
  context: RunContext,
  why: unknown,
): Promise<Completion> {
  try {
    await tellEngine(ref, tools, context);
  } catch (error) {
    // As with what was handed over before: the next worker tells the engine.
    if (context.hurry.aborted && isCancelled(context.signal)) return "handed-off";
    context.log.warn("cannot take back a task that was handed over before it could be stopped", {
      why: wordsOf(error),
    });
  }
  throw why;
}

/** It may have been started, by a shim that was killed before it could tell: it must not hand over what failed. */
export function giveUpUnheard(ref: ExecutionRef, tools: CommandTools, context: RunContext): Promise<never> {
  const tree = { groupId: NO_GROUP, mark: markOf(ref), leaderExited: Promise.resolve() };
  return endLost(tree, tools, context);
}

function giveUpLost({ ward, mark }: Dispatch, tools: CommandTools, context: RunContext): Promise<never> {
  return endLost(treeOf(ward, mark), tools, context);
}

async function endLost(
  tree: ProcessTree,
  { surveyor, graceMs }: CommandTools,
  { signal, hurry }: RunContext,
): Promise<never> {
  await stopTree(tree, { surveyor, graceMs, hurry });
  // Of a worker that stops it would be said that the task is safe to retry, which nobody knows.
  if (!isShutdown(signal)) signal.throwIfAborted();
  throw endUnknown();
}

function endUnknown(): TaskFailure {
  return new TaskFailure(
    "dispatch_command",
    "nobody knows how dispatch_command ended: the process that waited for it was killed or cannot write it down, or the host restarted; look whether your engine has the task before it is retried",
  );
}

async function fail(
  exit: Exited,
  { ward, redact }: Dispatch,
  { surveyor, graceMs }: CommandTools,
  { signal, hurry }: RunContext,
): Promise<never> {
  if (!groupIsEmpty(ward.groupId())) {
    const leftoverGraceMs = Math.min(graceMs, LEFTOVER_GRACE_MS);
    await stopTree(treeOf(ward, NO_MARK), { surveyor, graceMs: leftoverGraceMs, hurry });
  }
  await letStopCatchUp(exit.status, signal);
  throw new TaskFailure("dispatch_command", failureWords(NAME, exit, redact), { exitCode: exit.status });
}

/** What it said on the way; of one that failed, standard error is in the message. */
function logOutput(exit: Exit, redact: Redact, { log }: RunContext): void {
  if (exit.kind !== "exited" || !exit.said) return;
  const stdout = lastWords(exit.said.stdout, redact);
  const stderr = lastWords(exit.said.stderr, redact);
  if (exit.status !== 0 && stdout !== "") log.info("dispatch_command said", { stdout });
  if (exit.status === 0 && stdout + stderr !== "") log.debug("dispatch_command said", { stdout, stderr });
}

/** For a dispatch of which nothing was heard. */
export const NOTHING_TO_HIDE: Redact = createRedactor([]);
