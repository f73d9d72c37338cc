/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import { makeFault } from "../faults.ts";
import type { PlanOptions } from "../make-plan.ts";
import { offersOf } from "../offers.ts";
import type { Step } from "../plan.ts";
import { Random } from "../random.ts";
import { type CommandPlan, type CommandTaskPlan, DISPATCH_TIMEOUT_MS, type DispatchPlan } from "./plan.ts";

/** Long enough for a worker to be killed and started again some times, short enough for many seeds. */
const LASTS_MS = 3_000;

export function makePlan(seed: number, { canMount }: PlanOptions): CommandPlan {
  const random = new Random(seed);
  const seats = random.pick([1, 1, 2, 2, 3]);
  // With several workers on a full disk nothing tells one which tasks the others have, as docs/protocol.md says of memory.
  const smallDisk = seats === 1 && random.chance(0.3) && canMount;
  const tasks = Array.from({ length: random.between(8, 16) }, (_, at) => makeTask(random, `t${at}`));
  const offers = tasks.flatMap((task, at) => offersOf(random, { ...task, at }, LASTS_MS));
  const faults = Array.from({ length: random.between(3, 8) }, () =>
    makeFault(random, { seats, smallDisk, lastsMs: LASTS_MS }),
  ).flat();
  const cancels = tasks.flatMap(({ taskId }) => cancelsOf(random, taskId, faults));
  return {
    seed,
    tasks,
    steps: [...offers, ...faults, ...cancels].toSorted((one, other) => one.atMs - other.atMs),
    seats,
    maxConcurrentTasks: random.chance(0.2) ? 4 : 0,
    maxTaskMs: random.chance(0.1) ? 700 : null,
    drainMs: random.chance(0.2) ? 500 : 0,
    shutdownMs: random.chance(0.3) ? 500 : 4_000,
    logsAll: random.chance(0.3),
    smallDisk,
    atLast: random.chance(0.6) ? "SIGKILL" : "SIGTERM",
  };
}

function makeTask(random: Random, taskId: string): CommandTaskPlan {
  const withIds = random.chance(0.88);
  const count = withIds && random.chance(0.2) ? 2 : 1;
  const exits = new Set<number>();
  const executions = Array.from({ length: count }, (_, at): DispatchPlan => {
    const length = random.weighted({ short: 5, longer: 4, long: 1, over: 1.5 });
    return {
      executionId: withIds ? `${taskId}-e${at}` : null,
      exit: random.chance(0.65) ? 0 : distinct(random, exits),
      dispatchMs: LENGTHS[length](random),
      onTerm: random.weighted({ end: 4, ignore: 2, late: 3, accept: 2 }),
      leaves: random.weighted({ nothing: 8, quiet: 1, loud: 1 }),
      stderrBytes: random.chance(0.15) ? 300_000 : 0,
      reads: random.chance(0.8),
      isLarge: random.chance(0.1),
      cancel: {
        how: random.weighted({ succeeds: 8, "fails-first": 2, hangs: 1 }),
        ms: random.chance(0.6) ? 0 : random.between(100, 700),
      },
    };
  });
  return { taskId, executions };
}

const LENGTHS = {
  short: (random: Random) => random.between(0, 40),
  longer: (random: Random) => random.between(100, 500),
  long: (random: Random) => random.between(500, DISPATCH_TIMEOUT_MS - 200),
  over: (random: Random) => random.between(DISPATCH_TIMEOUT_MS + 500, 2_500),
} as const;

/** Below those that a shell or a signal gives. */
function distinct(random: Random, taken: Set<number>): number {
  const exit = random.between(1, 99);
  if (taken.has(exit)) return distinct(random, taken);
  taken.add(exit);
  return exit;
}

/** Beside those that an offer may have: of tasks that were handed over long ago, and while a worker stops. */
function cancelsOf(random: Random, taskId: string, faults: readonly Step[]): Step[] {
  const cancel = (atMs: number): Step => ({ atMs, action: { do: "cancel", taskId, any: 0 } });
  const stops = faults.filter(({ action }) => action.do === "signal" && action.signal === "SIGTERM");
  const whileStopping = stops
    .filter(() => random.chance(0.1))
    .map(({ atMs }) => cancel(atMs + random.between(5, 400)));
  if (!random.chance(0.25)) return whileStopping;
  const at = random.between(500, LASTS_MS + 200);
  const again = random.chance(0.4) ? [cancel(at + random.between(0, 500))] : [];
  return [...whileStopping, cancel(at), ...again];
}
