/** A history, told anew task by task: what each rule of the checker needs, found once. */
import {
  type At,
  type Conversation,
  conversationOf,
  type Hearing,
  hear,
} from "../../checker/conversation.ts";
import type { Happening } from "../../history.ts";
import type { Meddling } from "../happening.ts";
import type { DockerHistory, DockerLedgerLine } from "../history.ts";
import type { AgentPlan } from "../plan.ts";

/** One start of an agent. */
export interface ContainerRun {
  /** The beginning of its id. */
  readonly container: string;
  readonly startAt: number;
  /** Null: it was not told to end, as far as it could write that down. */
  readonly termAt: number | null;
  /** A file of a sidecar was not as its image has it. */
  readonly missing: boolean;
  /** Null: it did not come to its end by itself. */
  readonly end: { readonly at: number; readonly status: number } | null;
  /** When it last wrote anything down. */
  readonly lastAt: number;
}

type Meddled = Extract<Happening, { kind: "meddled" }>;

export interface DockerStory extends Conversation {
  readonly plan: AgentPlan;
  /** In the order of their starts. */
  readonly runs: readonly ContainerRun[];
  readonly meddled: readonly At<Meddled>[];
}

export interface DockerTelling extends Hearing {
  readonly history: DockerHistory;
  readonly stories: readonly DockerStory[];
  /** When the engine was killed, or stopped with what ran in it. */
  readonly hits: readonly At<Extract<Happening, { kind: "engine" }>>[];
}

export function tell(history: DockerHistory): DockerTelling {
  const hearing = hear(history.events, history.workers);
  const meddled = hearing.events.filter((event) => event.kind === "meddled");
  return {
    ...hearing,
    history,
    stories: history.tasks.map((task) => {
      const lines = history.ledger.filter(({ taskId }) => taskId === task.taskId);
      return {
        ...conversationOf(task, hearing.events),
        plan: task.executions[0],
        runs: lines.flatMap((line, at) => (line.what === "start" ? [runOf(line, lines.slice(at + 1))] : [])),
        meddled: meddled.filter(({ taskId }) => taskId === task.taskId),
      };
    }),
    hits: hearing.events
      .filter((event) => event.kind === "engine")
      .filter(({ was }) => was === "killed" || was === "terminated"),
  };
}

/** A container that somebody starts again writes a second start. */
function runOf(start: DockerLedgerLine, later: readonly DockerLedgerLine[]): ContainerRun {
  const same = later.filter(({ container }) => container === start.container);
  const next = same.findIndex(({ what }) => what === "start");
  const own = next < 0 ? same : same.slice(0, next);
  const end = own.find(({ what }) => what === "end");
  return {
    container: start.container,
    startAt: start.at,
    termAt: own.find(({ what }) => what === "term")?.at ?? null,
    missing: own.some(({ what }) => what === "missing"),
    end: end === undefined ? null : { at: end.at, status: end.status ?? 0 },
    lastAt: own.at(-1)?.at ?? start.at,
  };
}

export function showRun({ container, startAt, termAt, end }: ContainerRun): string {
  const told = termAt === null ? "" : `, told to end at ${termAt}`;
  return `a run (in ${container}, from ${startAt} to ${end === null ? "an end of another's" : `${end.at} with ${end.status}`}${told})`;
}

export function wasMeddledWith(
  { meddled }: DockerStory,
  before: { readonly index: number },
  ...hows: readonly Meddling[]
): boolean {
  return meddled.some(({ how, index }) => index < before.index && hows.includes(how));
}
