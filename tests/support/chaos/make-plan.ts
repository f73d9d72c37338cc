/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import { makeFault } from "./faults.ts";
import { offersOf } from "./offers.ts";
import type { ExecutionPlan, Plan, TaskPlan } from "./plan.ts";
import { Random } from "./random.ts";
import { drainOf } from "./worker-faults.ts";

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
  const offers = tasks.flatMap((task, at) => offersOf(random, { ...task, at }, LASTS_MS));
  const faults = Array.from({ length: random.between(4, 10) }, () =>
    makeFault(random, { seats, smallDisk, lastsMs: LASTS_MS }),
  ).flat();
  const others = {
    maxConcurrentTasks: random.chance(0.3) ? 4 : 0,
    hooks,
    maxTaskMs: random.chance(0.1) ? 1_000 : null,
    drainMs: random.chance(0.15) ? 1_000 : 0,
    shareFolder: seats === 1 && random.chance(0.15),
    smallDisk,
    atLast: random.chance(0.6) ? "SIGKILL" : "SIGTERM",
  } as const;
  const steps = [...offers, ...faults, ...drainOf(random, { seats, lastsMs: LASTS_MS })];
  return { seed, tasks, steps: steps.toSorted((one, other) => one.atMs - other.atMs), seats, ...others };
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
