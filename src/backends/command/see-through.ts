/** Sees one of the operator's commands through to its end, or ends it when it has to end before. */
import { limitTime } from "../../async/time-limit.ts";
import { within } from "../../async/wait.ts";
import { isAlive } from "../../process/process-table.ts";
import { type ProcessTree, stopTree } from "../../process/process-tree.ts";
import type { Exit } from "../../process/shim/client.ts";
import type { Ward } from "../../process/shim/ward.ts";
import type { Mark, Surveyor } from "../../process/stragglers.ts";
import { isShutdown, type RunContext } from "../../task/backend.ts";

export interface Limits {
  /** What is left of the time that it may take. */
  readonly leftMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly surveyor: Surveyor;
  /** What belongs to it beside its group; NO_MARK: nothing. */
  readonly mark: Mark;
  /** It is told to end from now on. */
  readonly onInterruption?: (interruption: Interruption) => void;
}

/** Why it was not left to end by itself. */
export type Interruption =
  | { readonly kind: "over-time" }
  | { readonly kind: "told"; readonly reason: unknown };

export interface End {
  /** Also of one that was interrupted: it may have ended well all the same. */
  readonly exit: Exit;
  readonly interruption: Interruption | null;
}

/** Of a process that was killed, the status follows at once. */
const STATUS_FOLLOWS_MS = 1_000;

/** A stopping worker waits for it until it has to hurry; anything else that is wanted of it ends it at once. */
export async function seeThrough(
  ward: Ward,
  limits: Limits,
  context: Pick<RunContext, "signal" | "hurry">,
): Promise<End> {
  // Of one that is gone already its end is on its way, or lost: it is not known to have taken longer.
  const isRunning = () => isAlive(ward.identity);
  using interrupted = interruptionOf({ leftMs: limits.leftMs, isRunning }, context);
  // The user's word comes first, for a task taken over that was cancelled before: however it ended, it was.
  const first = await (isShutdown(context.signal)
    ? Promise.race([ward.exited, interrupted.promise])
    : Promise.race([interrupted.promise, ward.exited]));
  if (first.kind === "exited" || first.kind === "lost") return { exit: first, interruption: null };
  limits.onInterruption?.(first);
  await stopTree(treeOf(ward, limits.mark), { ...limits, hurry: context.hurry });
  return { exit: await within(ward.exited, STATUS_FOLLOWS_MS, { kind: "lost" }), interruption: first };
}

export function treeOf(ward: Ward, mark: Mark): ProcessTree {
  return { groupId: ward.groupId(), mark, leaderExited: ward.exited };
}

interface Interrupted extends Disposable {
  readonly promise: Promise<Interruption>;
}

function interruptionOf(
  { leftMs, isRunning }: { readonly leftMs: number; readonly isRunning: () => boolean },
  { signal, hurry }: Pick<RunContext, "signal" | "hurry">,
): Interrupted {
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  const scope = new AbortController();
  const limit = limitTime(leftMs, () => {
    if (isRunning()) resolve({ kind: "over-time" });
  });
  whenFired(signal, scope.signal, () => {
    const told: Interruption = { kind: "told", reason: signal.reason };
    if (isShutdown(signal)) whenFired(hurry, scope.signal, () => resolve(told));
    else resolve(told);
  });
  return {
    promise,
    [Symbol.dispose]: () => {
      limit[Symbol.dispose]();
      scope.abort();
    },
  };
}

function whenFired(signal: AbortSignal, scope: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true, signal: scope });
}
