/** A history, told anew task by task: what each rule of the checker needs, found once. */
import {
  type At,
  type Conversation,
  conversationOf,
  type Hearing,
  hear,
} from "../../checker/conversation.ts";
import type { Event, WorkerNumber } from "../../history.ts";
import type { CommandHistory, CommandLedgerLine } from "../history.ts";
import type { CommandTaskPlan } from "../plan.ts";

/** One start of a command. */
export interface Run {
  readonly executionId: string | null;
  readonly pid: number;
  readonly startAt: number;
  /** Null: it was not told to end, as far as it could write that down. */
  readonly termAt: number | null;
  /** Null: it did not come to its end by itself. */
  readonly end: { readonly at: number; readonly status: number } | null;
}

export interface CommandStory extends Conversation {
  readonly plan: CommandTaskPlan;
  /** Of `dispatch_command`, in the order of their starts. */
  readonly runs: readonly Run[];
  /** Of `cancel_command`; likewise. */
  readonly cancels: readonly Run[];
}

export interface CommandTelling extends Hearing {
  readonly history: CommandHistory;
  readonly stories: readonly CommandStory[];
  /** Where the last worker said that it has nothing left to do; null: it never did. */
  readonly settledIndex: number | null;
  shimTroubles(kind: "shim-killed" | "shim-stopped", worker?: WorkerNumber): readonly At<Event>[];
}

export function tell(history: CommandHistory): CommandTelling {
  const hearing = hear(history.events, history.workers);
  return {
    ...hearing,
    history,
    stories: history.tasks.map((plan) => storyOf(plan, hearing.events, history.ledger)),
    settledIndex: hearing.events.find(({ kind }) => kind === "settled")?.index ?? null,
    shimTroubles: (kind, worker) =>
      hearing.events.filter(
        (event) => event.kind === kind && (worker === undefined || event.worker === worker),
      ),
  };
}

function storyOf(
  plan: CommandTaskPlan,
  events: readonly At<Event>[],
  ledger: readonly CommandLedgerLine[],
): CommandStory {
  const lines = ledger.filter(({ taskId }) => taskId === plan.taskId);
  const of = (begin: CommandLedgerLine["what"], end: CommandLedgerLine["what"]) =>
    lines.filter(({ what }) => what === begin).map((start) => runOf(start, end, lines));
  return {
    ...conversationOf(plan, events),
    plan,
    runs: of("begin", "end"),
    cancels: of("cancel-begin", "cancel-end"),
  };
}

/** A pid is this run's up to the next start under it. */
function runOf(
  start: CommandLedgerLine,
  endKind: CommandLedgerLine["what"],
  lines: readonly CommandLedgerLine[],
): Run {
  const later = lines.slice(lines.indexOf(start) + 1).filter(({ pid }) => pid === start.pid);
  const next = later.findIndex(({ what }) => what === "begin" || what === "cancel-begin");
  const own = next < 0 ? later : later.slice(0, next);
  const end = own.find(({ what }) => what === endKind);
  return {
    executionId: start.executionId,
    pid: start.pid,
    startAt: start.at,
    termAt: own.find(({ what }) => what === "term")?.at ?? null,
    end: end === undefined ? null : { at: end.at, status: end.status ?? 0 },
  };
}

/** The engine took it. */
export function accepted({ runs }: CommandStory): Run | undefined {
  return runs.find(({ end }) => end?.status === 0);
}

/** Between a line of the ledger and this process's own clock. */
export const CLOCK_MS = 20;

export function showRun({ executionId, pid, startAt, termAt, end }: Run): string {
  const told = termAt === null ? "" : `, told to end at ${termAt}`;
  const ended = end === null ? "no end of its own" : `${end.at} with ${end.status}`;
  return `${executionId ?? "a run"} (pid ${pid}, from ${startAt} to ${ended}${told})`;
}
