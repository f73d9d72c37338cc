/** The border: one execution in, one outcome out, whatever was thrown. */

import type { Redact } from "../logging/redact.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type Completion, TaskFailure, TaskStopped } from "./backend.ts";
import { type Outcome, SHUTDOWN_OUTCOME } from "./outcome.ts";

const FAILED = "Failed to execute task";

/**
 * Never rejects. It is given no more than a promise, so that while it waits, for hours, nothing is held of
 * what the execution was started with.
 *
 * `signal` is the task's own: its reason wins over whatever broke while the task was being stopped,
 * but not over a failure that the backend vouches for, which came before the stop. `unknown` vouches
 * for nothing: of a task that was cancelled before it began, it is true that it was cancelled.
 */
export async function runToOutcome(
  completion: Promise<Completion>,
  signal: AbortSignal,
  redact: Redact = (text) => text,
): Promise<Outcome> {
  try {
    return { kind: await completion };
  } catch (error) {
    const stopped = stopReasonOf(error, signal);
    return stopped === null ? failureOf(error, redact) : stoppedOutcome(stopped);
  }
}

function stopReasonOf(error: unknown, signal: AbortSignal): TaskStopped | null {
  if (error instanceof TaskStopped) return error;
  if (error instanceof TaskFailure && error.reason !== "unknown") return null;
  return signal.reason instanceof TaskStopped ? signal.reason : null;
}

function stoppedOutcome(stopped: TaskStopped): Outcome {
  switch (stopped.why) {
    case "cancelled":
      return { kind: "cancelled" };
    case "shutdown":
      return SHUTDOWN_OUTCOME;
    case "timeout":
      return {
        kind: "failed",
        reason: "task_timeout",
        message: `${FAILED}: it ran longer than max_task_duration allows and was stopped`,
      };
    default:
      return stopped.why satisfies never;
  }
}

function failureOf(error: unknown, redact: Redact): Outcome {
  // Of somebody else's words, in which anything may stand; our own are kept as they are.
  const why = redact(wordsOf(error));
  if (!(error instanceof TaskFailure))
    return { kind: "failed", reason: "unknown", message: `${FAILED}: ${why}` };
  return {
    kind: "failed",
    reason: error.reason,
    message: `${FAILED}: ${why}`,
    ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
  };
}
