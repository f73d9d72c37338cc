/** What was said of each task, by whom and on which link: what the rules of the wire need, whatever runs the tasks. */
import type { Assigned, CancellationSent, Event, Said, WorkerNumber, WorkerReport } from "../history.ts";

export interface Violation {
  readonly rule: string;
  /** Null: it is about no task. */
  readonly taskId: string | null;
  readonly what: string;
}

export type At<T> = T & { readonly at: number; readonly index: number };

export interface Conversation {
  readonly taskId: string;
  readonly assigned: readonly At<Assigned>[];
  readonly cancelled: readonly At<CancellationSent>[];
  readonly claims: readonly At<Said>[];
  readonly ends: readonly At<Said>[];
  readonly rejections: readonly At<Said>[];
  /** It has one execution and that one an id: all that is said of the task is said of this. */
  readonly isPlain: boolean;
}

export interface Hearing {
  readonly events: readonly At<Event>[];
  readonly workers: readonly WorkerReport[];
  signals(signal: string, worker?: WorkerNumber): readonly At<Event>[];
  /** Of workers. */
  readonly ends: readonly At<{ readonly worker: WorkerNumber }>[];
  /** Null: it was not. When its answer was read, everything before it on its link had been read. */
  passedFenceAfter(index: number, connection: number): At<Said> | null;
  /** Pings on the connection after this, as long as none of them can be the one of every 30 s. */
  pingsAfter(index: number, connection: number): number;
  /**
   * Docs/protocol.md, "In-memory mode": what a worker had claimed or ended while its journal was in memory is not known to
   * the next one, and its log says at its end that this was so.
   */
  forgot(conversation: Pick<Conversation, "assigned" | "claims" | "ends">): boolean;
}

/** The wire's ping of every 30 s asks for no proof, and waits for no pong. */
const BEFORE_FIRST_PING_MS = 25_000;

export function hear(happened: readonly Event[], workers: readonly WorkerReport[]): Hearing {
  const events: readonly At<Event>[] = happened.map((event, index) => ({ ...event, index }));
  const openedAt = new Map(
    events.flatMap((event) => (event.kind === "opened" ? [[event.connection, event.at]] : [])),
  );
  const answers = new Map<string, At<Said>>();
  for (const event of events) {
    if (event.kind === "said" && !answers.has(event.taskId)) answers.set(event.taskId, event);
  }
  const forgetful = new Set(workers.filter(({ journal }) => journal !== "disk").map(({ worker }) => worker));
  return {
    events,
    workers,
    signals: (signal, worker) =>
      events.filter(
        (event) =>
          event.kind === "signalled" &&
          event.signal === signal &&
          (worker === undefined || event.worker === worker),
      ),
    ends: events.filter((event) => event.kind === "exited"),
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

interface AskedFor {
  readonly taskId: string;
  readonly executions: readonly { readonly executionId: string | null }[];
}

export function conversationOf({ taskId, executions }: AskedFor, events: readonly At<Event>[]): Conversation {
  const own = events.filter((event) => "taskId" in event && event.taskId === taskId);
  const said = own.filter((event) => event.kind === "said");
  return {
    taskId,
    assigned: own.filter((event) => event.kind === "assigned"),
    cancelled: own.filter((event) => event.kind === "cancelled"),
    claims: said.filter(({ type }) => type === "task_claimed"),
    ends: said.filter(({ type }) => type === "task_completed" || type === "task_failed"),
    rejections: said.filter(({ type }) => type === "task_rejected"),
    isPlain: executions.length === 1 && executions[0]?.executionId !== null,
  };
}
