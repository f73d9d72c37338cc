/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import { isLinkFault, LINK_FAULTS, linkFault } from "./link-faults.ts";
import type { Action, ExecutionPlan, Plan, Step, TaskPlan } from "./plan.ts";
import { Random } from "./random.ts";
import { WORKER_FAULTS, workerFault } from "./worker-faults.ts";

/** Long enough for a worker to be killed and started again some times, short enough for many seeds. */
const LASTS_MS = 4_000;
/** From here on an agent with children is looked after: docs/direct.md has the gap of shorter ones. */
const LEAVES_CHILDREN_MS = 1_200;

export interface PlanOptions {
  /** False: no disk of its own can be mounted here. */
  readonly canMount: boolean;
}

export function makePlan(seed: number, { canMount }: PlanOptions): Plan {
  const random = new Random(seed);
  const seats = random.pick([1, 1, 1, 2, 2, 3]);
  // With several workers on a full disk nothing tells one which tasks the others have, as docs/protocol.md says of memory.
  const smallDisk = seats === 1 && random.chance(0.35) && canMount;
  const hooks = random.chance(0.4);
  const many = random.chance(0.2);
  const tasks = Array.from({ length: many ? random.between(30, 50) : random.between(10, 18) }, (_, at) =>
    makeTask(random, `t${at}`),
  );
  const offers = tasks.flatMap((task, at) => offersOf(random, task, at));
  const faults = Array.from({ length: random.between(4, 10) }, () =>
    makeFault(random, seats, smallDisk),
  ).flat();
  return {
    seed,
    tasks,
    steps: [...offers, ...faults].toSorted((one, other) => one.atMs - other.atMs),
    seats,
    maxConcurrentTasks: random.chance(0.3) ? 4 : 0,
    hooks,
    maxTaskMs: random.chance(0.1) ? 1_000 : null,
    drainMs: random.chance(0.15) ? 1_000 : 0,
    shareFolder: seats === 1 && random.chance(0.15),
    smallDisk,
    atLast: random.chance(0.6) ? "SIGKILL" : "SIGTERM",
  };
}

function makeTask(random: Random, taskId: string): TaskPlan {
  const withIds = random.chance(0.85);
  const count = withIds && random.chance(0.25) ? 2 : 1;
  const exits = new Set<number>();
  const executions = Array.from({ length: count }, (_, at): ExecutionPlan => {
    const children = random.chance(0.15);
    const agentMs = random.weighted({ short: 5, longer: 4, long: 2 });
    const exit = random.chance(0.45) ? 0 : distinct(random, exits);
    return {
      executionId: withIds ? `${taskId}-e${at}` : null,
      exit,
      agentMs: Math.max(LENGTHS[agentMs](random), children ? LEAVES_CHILDREN_MS : 0),
      onTerm: random.weighted({ end: 5, ignore: 2, late: 3 }),
      children,
      setup: { ms: random.between(0, 300), exit: random.chance(0.1) ? 7 : 0 },
    };
  });
  return { taskId, executions };
}

const LENGTHS = {
  short: (random: Random) => random.between(0, 60),
  longer: (random: Random) => random.between(100, 800),
  long: (random: Random) => random.between(1_200, 3_000),
} as const;

/** Mostly below those that a shell or a signal gives. */
function distinct(random: Random, taken: Set<number>): number {
  const kind = random.weighted({ own: 8, asKilled: 1, asTold: 1 });
  const exit = kind === "own" ? random.between(1, 99) : kind === "asKilled" ? 137 : 143;
  if (taken.has(exit)) return distinct(random, taken);
  taken.add(exit);
  return exit;
}

function offersOf(random: Random, { taskId, executions }: TaskPlan, task: number): Step[] {
  const begin = random.between(0, LASTS_MS - 1_000);
  const any = () => random.between(0, 999);
  const offers = executions.flatMap((_, execution) => {
    const first = begin + execution * random.between(0, 1_500);
    const again = Array.from({ length: Number(random.weighted({ 0: 6, 1: 3, 2: 2, 3: 1 })) }, () =>
      random.chance(0.5) ? random.between(0, 100) : random.between(100, LASTS_MS),
    );
    return [0, ...again].map((after) =>
      step(Math.min(first + after, LASTS_MS), { do: "offer", task, execution, any: any() }),
    );
  });
  if (!random.chance(0.35)) return offers;
  const cancelAt = begin + (random.chance(0.4) ? random.between(0, 150) : random.between(0, 2_500));
  const named = random.chance(0.1) ? `${taskId}-unknown` : taskId;
  const cancels = [cancelAt, ...(random.chance(0.3) ? [cancelAt + random.between(0, 300)] : [])];
  return [...offers, ...cancels.map((at) => step(at, { do: "cancel", taskId: named, any: any() }))];
}

function step(atMs: number, action: Action): Step {
  return { atMs, action };
}

/** How often each comes. */
const FAULTS = {
  ...WORKER_FAULTS,
  killShim: 1,
  killWithShim: 1,
  pauseShim: 0.5,
  ...LINK_FAULTS,
  fillDisk: 0,
} as const;

function makeFault(random: Random, seats: number, smallDisk: boolean): Step[] {
  const at = random.between(100, LASTS_MS - 500);
  const seat = random.between(0, seats - 1);
  const later = (least: number, most: number) => at + random.between(least, most);
  const kind = random.weighted({ ...FAULTS, fillDisk: smallDisk ? 8 : 0 });
  switch (kind) {
    case "killShim":
      return [step(at, { do: "signal-shim", seat, signal: "SIGKILL" })];
    case "killWithShim":
      return [
        step(at, { do: "signal-shim", seat, signal: "SIGKILL" }),
        step(later(0, 20), { do: "signal", seat, signal: "SIGKILL" }),
        step(later(20, 1_000), { do: "start", seat }),
      ];
    case "pauseShim":
      return [step(at, { do: "signal-shim", seat, signal: "SIGSTOP" })];
    case "fillDisk":
      return [step(at, { do: "fill-disk" }), step(later(100, 2_000), { do: "free-disk" })];
    default:
      return isLinkFault(kind) ? linkFault(random, kind, at) : workerFault(random, kind, at, seat);
  }
}
