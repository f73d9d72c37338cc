/** A history, told anew task by task: what each rule of the checker needs, found once. */
import type { Event, History, LedgerLine, WorkerNumber } from "../history.ts";
import type { TaskPlan } from "../plan.ts";
import { type At, type Conversation, conversationOf, type Hearing, hear } from "./conversation.ts";

/** One start of an agent. */
export interface Run {
  readonly executionId: string | null;
  readonly pid: number;
  readonly startAt: number;
  /** Null: it was not told to end, as far as it could write that down. */
  readonly termAt: number | null;
  readonly robbed: boolean;
  /** Null: it did not come to its end by itself. */
  readonly end: { readonly at: number; readonly status: number } | null;
}

export interface Story extends Conversation {
  readonly plan: TaskPlan;
  /** In the order of their starts. */
  readonly runs: readonly Run[];
  readonly teardowns: readonly LedgerLine[];
}

export interface Telling extends Hearing {
  readonly history: History;
  readonly stories: readonly Story[];
  shimKills(worker?: WorkerNumber): readonly At<Event>[];
}

export function tell(history: History): Telling {
  const hearing = hear(history.events, history.workers);
  return {
    ...hearing,
    history,
    stories: history.tasks.map((plan) => storyOf(plan, hearing.events, history.ledger)),
    shimKills: (worker) =>
      hearing.events.filter(
        (event) => event.kind === "shim-killed" && (worker === undefined || event.worker === worker),
      ),
  };
}

function storyOf(plan: TaskPlan, events: readonly At<Event>[], ledger: readonly LedgerLine[]): Story {
  const lines = ledger.filter(({ taskId }) => taskId === plan.taskId);
  return {
    ...conversationOf(plan, events),
    plan,
    runs: lines.filter(({ what }) => what === "start").map((start) => runOf(start, lines)),
    teardowns: lines.filter(({ what }) => what === "teardown"),
  };
}

/** A pid is this run's up to the next start under it. */
function runOf(start: LedgerLine, lines: readonly LedgerLine[]): Run {
  const later = lines.slice(lines.indexOf(start) + 1).filter(({ pid }) => pid === start.pid);
  const next = later.findIndex(({ what }) => what === "start");
  const own = next < 0 ? later : later.slice(0, next);
  const end = own.find(({ what }) => what === "end");
  return {
    executionId: start.executionId,
    pid: start.pid,
    startAt: start.at,
    termAt: own.find(({ what }) => what === "term")?.at ?? null,
    robbed: own.some(({ what }) => what === "robbed"),
    end: end === undefined ? null : { at: end.at, status: end.status ?? 0 },
  };
}
