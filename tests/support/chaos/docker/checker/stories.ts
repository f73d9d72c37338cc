/** A history, told anew task by task: what each rule of the checker needs, found once. */
import {
  type At,
  type Conversation,
  conversationOf,
  type Hearing,
  hear,
} from "../../checker/conversation.ts";
import { readRun, showRunIn, type WrittenRun } from "../../checker/written-run.ts";
import type { Happening } from "../../history.ts";
import type { Meddling } from "../happening.ts";
import type { DockerHistory, DockerLedgerLine } from "../history.ts";
import type { AgentPlan } from "../plan.ts";

/** One start of an agent. */
export interface ContainerRun extends WrittenRun {
  /** The beginning of its id. */
  readonly container: string;
  /** A file of a sidecar was not as its image has it. */
  readonly missing: boolean;
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
  const missing = own.some(({ what }) => what === "missing");
  return { container: start.container, missing, ...readRun(start, own) };
}

export function showRun(run: ContainerRun): string {
  return showRunIn(run.container, run);
}

export function wasMeddledWith(
  { meddled }: DockerStory,
  before: { readonly index: number },
  ...hows: readonly Meddling[]
): boolean {
  return meddled.some(({ how, index }) => index < before.index && hows.includes(how));
}
