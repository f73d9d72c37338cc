/** A history, told anew task by task: what each rule of the checker needs, found once. */
import type {
  Assigned,
  CancellationSent,
  Event,
  History,
  LedgerLine,
  Said,
  WorkerNumber,
} from "../history.ts";
import type { TaskPlan } from "../plan.ts";

export interface Violation {
  readonly rule: string;
  /** Null: it is about no task. */
  readonly taskId: string | null;
  readonly what: string;
}

export type At<T> = T & { readonly at: number; readonly index: number };

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

export interface Story {
  readonly taskId: string;
  readonly plan: TaskPlan;
  readonly assigned: readonly At<Assigned>[];
  readonly cancelled: readonly At<CancellationSent>[];
  readonly claims: readonly At<Said>[];
  readonly ends: readonly At<Said>[];
  readonly rejections: readonly At<Said>[];
  /** In the order of their starts. */
  readonly runs: readonly Run[];
  readonly teardowns: readonly LedgerLine[];
  /** It has one execution and that one an id: all that is said of the task is said of this. */
  readonly isPlain: boolean;
}

export interface Telling {
  readonly history: History;
  readonly stories: readonly Story[];
  signals(signal: string, worker?: WorkerNumber): readonly At<Event>[];
  /** Of workers. */
  readonly ends: readonly At<{ readonly worker: WorkerNumber }>[];
  shimKills(worker?: WorkerNumber): readonly At<Event>[];
  /** Null: it was not. When its answer was read, everything before it on its link had been read. */
  passedFenceAfter(index: number, connection: number): At<Said> | null;
  /** Pings on the connection after this, as long as none of them can be the one of every 30 s. */
  pingsAfter(index: number, connection: number): number;
  /**
   * Docs/protocol.md, "In-memory mode": what a worker had claimed or ended while its journal was in memory is not known to
   * the next one, and its log says at its end that this was so.
   */
  forgot(story: Story): boolean;
}

/** The wire's ping of every 30 s asks for no proof, and waits for no pong. */
const BEFORE_FIRST_PING_MS = 25_000;

export function tell(history: History): Telling {
  const events: readonly At<Event>[] = history.events.map((event, index) => ({ ...event, index }));
  const openedAt = new Map(
    events.flatMap((event) => (event.kind === "opened" ? [[event.connection, event.at]] : [])),
  );
  const answers = new Map<string, At<Said>>();
  for (const event of events) {
    if (event.kind === "said" && !answers.has(event.taskId)) answers.set(event.taskId, event);
  }
  const isOf = (event: Event, kind: Event["kind"], worker?: WorkerNumber) =>
    event.kind === kind && (worker === undefined || ("worker" in event && event.worker === worker));
  const forgetful = new Set(
    history.workers.filter(({ journal }) => journal !== "disk").map(({ worker }) => worker),
  );
  return {
    history,
    stories: history.tasks.map((plan) => storyOf(plan, events, history.ledger)),
    signals: (signal, worker) =>
      events.filter(
        (event) => isOf(event, "signalled", worker) && "signal" in event && event.signal === signal,
      ),
    ends: events.filter((event) => event.kind === "exited"),
    shimKills: (worker) => events.filter((event) => isOf(event, "shim-killed", worker)),
    passedFenceAfter(index, connection) {
      for (const event of events.slice(index + 1)) {
        if (event.kind !== "fenced" || event.connection !== connection) continue;
        const answer = answers.get(event.taskId);
        if (answer !== undefined) return answer;
      }
      return null;
    },
    pingsAfter: (index, connection) =>
      events
        .slice(index + 1)
        .filter((event) => event.kind === "pinged" && event.connection === connection)
        .filter(({ at }) => at - (openedAt.get(connection) ?? 0) < BEFORE_FIRST_PING_MS).length,
    forgot: ({ assigned, claims, ends }) =>
      [...assigned, ...claims, ...ends].some(({ worker }) => forgetful.has(worker)),
  };
}

function storyOf(plan: TaskPlan, events: readonly At<Event>[], ledger: readonly LedgerLine[]): Story {
  const { taskId, executions } = plan;
  const own = events.filter((event) => "taskId" in event && event.taskId === taskId);
  const said = own.filter((event) => event.kind === "said");
  const lines = ledger.filter((line) => line.taskId === taskId);
  return {
    taskId,
    plan,
    assigned: own.filter((event) => event.kind === "assigned"),
    cancelled: own.filter((event) => event.kind === "cancelled"),
    claims: said.filter(({ type }) => type === "task_claimed"),
    ends: said.filter(({ type }) => type === "task_completed" || type === "task_failed"),
    rejections: said.filter(({ type }) => type === "task_rejected"),
    runs: lines.filter(({ what }) => what === "start").map((start) => runOf(start, lines)),
    teardowns: lines.filter(({ what }) => what === "teardown"),
    isPlain: executions.length === 1 && executions[0]?.executionId !== null,
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
