/** A history, told anew task by task: what each rule of the checker needs, found once. */
import {
  type At,
  type Conversation,
  conversationOf,
  type Hearing,
  hear,
} from "../../checker/conversation.ts";
import { readRun, showRunIn, type WrittenRun } from "../../checker/written-run.ts";
import type { Happening, WorkerNumber } from "../../history.ts";
import type { Interference } from "../happening.ts";
import type { ClusterHistory, PodLedgerLine } from "../history.ts";
import type { AgentPlan } from "../plan.ts";

/** One agent: a container of a pod is never started again. */
export interface PodRun extends WrittenRun {
  readonly pod: string;
}

type Interfered = Extract<Happening, { kind: "interfered" }>;

export interface ClusterStory extends Conversation {
  readonly plan: AgentPlan;
  /** In the order of their starts. */
  readonly runs: readonly PodRun[];
  readonly interfered: readonly At<Interfered>[];
  /** The control plane gave it to more than one of the workers that were there when it was. */
  readonly wasGivenAway: boolean;
}

export interface ClusterTelling extends Hearing {
  readonly history: ClusterHistory;
  readonly stories: readonly ClusterStory[];
}

export function tell(history: ClusterHistory): ClusterTelling {
  const hearing = hear(history.events, history.workers);
  const interfered = hearing.events.filter((event) => event.kind === "interfered");
  const healedAt = hearing.events.find(({ kind }) => kind === "healed")?.index ?? hearing.events.length;
  const stories = history.tasks.map((task) => {
    const conversation = conversationOf(task, hearing.events);
    // The last worker is given everything once more, and knows what all others did.
    const given = conversation.assigned.filter(({ index }) => index < healedAt);
    return {
      ...conversation,
      plan: task.executions[0],
      runs: runsIn(history.ledger.filter(({ taskId }) => taskId === task.taskId)),
      interfered: interfered.filter(({ taskId }) => taskId === task.taskId),
      wasGivenAway: new Set<WorkerNumber>(given.map(({ worker }) => worker)).size > 1,
    };
  });
  return { ...hearing, history, stories };
}

function runsIn(lines: readonly PodLedgerLine[]): PodRun[] {
  const starts = lines.filter(({ what }) => what === "start");
  return starts.map((start) => {
    const { pod } = start;
    const own = lines.filter((line) => line.pod === pod);
    return { pod, ...readRun(start, own) };
  });
}

export function showRun(run: PodRun): string {
  return showRunIn(run.pod, run);
}

/** Before that, by somebody who has nothing to do with it. */
export function wasInterfered(
  { interfered }: ClusterStory,
  before: { readonly index: number },
  ...hows: readonly Interference[]
): boolean {
  return interfered.some(
    ({ how, index }) => index < before.index && (hows.length === 0 || hows.includes(how)),
  );
}
