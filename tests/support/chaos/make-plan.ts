/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import type { Action, Direction, ExecutionPlan, Plan, Step, TaskPlan } from "./plan.ts";
import { Random } from "./random.ts";

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

/** How often each comes; what kills is what most is promised of. */
const FAULTS = {
  kill: 6,
  killForGood: 2,
  terminate: 3,
  terminateTwice: 1,
  pause: 2,
  killAt: 4,
  storm: 2,
  killShim: 1,
  killWithShim: 1,
  pauseShim: 0.5,
  cut: 3,
  freeze: 3,
  cutAt: 4,
  refuse: 2,
  down: 2,
  delay: 1,
  fillDisk: 0,
} as const;

function makeFault(random: Random, seats: number, smallDisk: boolean): Step[] {
  const at = random.between(100, LASTS_MS - 500);
  const seat = random.between(0, seats - 1);
  const later = (least: number, most: number) => at + random.between(least, most);
  const signal = (when: number, name: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT") =>
    step(when, { do: "signal", seat, signal: name });
  const start = (when: number) => step(when, { do: "start", seat });
  const kind = random.weighted({ ...FAULTS, fillDisk: smallDisk ? 8 : 0 });
  switch (kind) {
    case "kill":
      return [signal(at, "SIGKILL"), start(random.chance(0.5) ? at : later(50, 1_500))];
    case "killForGood":
      return [signal(at, "SIGKILL")];
    case "terminate":
      return [signal(at, "SIGTERM"), start(later(300, 2_000))];
    case "terminateTwice":
      return [signal(at, "SIGTERM"), signal(later(0, 200), "SIGTERM"), start(later(250, 1_500))];
    case "pause":
      return [signal(at, "SIGSTOP"), signal(later(200, 1_500), "SIGCONT")];
    case "killAt": {
      const saying = random.pick(["task_claimed", "task_completed", "task_failed"] as const);
      return [step(at, { do: "kill-at", saying }), start(later(300, 1_500))];
    }
    case "storm":
      return storm(random, at).flatMap((when) => [signal(when, "SIGKILL"), start(when)]);
    case "killShim":
      return [step(at, { do: "signal-shim", seat, signal: "SIGKILL" })];
    case "killWithShim":
      return [
        step(at, { do: "signal-shim", seat, signal: "SIGKILL" }),
        signal(at + random.between(0, 20), "SIGKILL"),
        start(later(20, 1_000)),
      ];
    case "pauseShim":
      return [step(at, { do: "signal-shim", seat, signal: "SIGSTOP" })];
    default:
      return linkFault(random, kind, at, later);
  }
}

/** One after the other, each of them perhaps while it still takes over what the one before has left. */
function storm(random: Random, at: number): number[] {
  const moments = [at];
  for (let more = random.between(1, 4); more > 0; more--)
    moments.push((moments.at(-1) ?? at) + random.between(5, 120));
  return moments;
}

type LinkFault = "cut" | "freeze" | "cutAt" | "refuse" | "down" | "delay" | "fillDisk";

function linkFault(
  random: Random,
  kind: LinkFault,
  at: number,
  later: (least: number, most: number) => number,
): Step[] {
  switch (kind) {
    case "cut":
      return [step(at, { do: "cut", how: random.pick(["reset", "close"]), any: random.between(0, 999) })];
    case "freeze": {
      const direction = random.pick<Direction>(["both", "to-server", "to-client"]);
      const end = random.chance(0.75) ? "cut-frozen" : "thaw";
      return [step(at, { do: "freeze", direction }), step(later(100, 1_200), { do: end })];
    }
    case "cutAt":
      return [step(at, { do: "cut-at", moment: random.pick(["frame", "ping"]) })];
    case "refuse":
      return [
        step(at, { do: "refuse", status: random.pick([503, 429, 401]) }),
        step(later(100, 800), { do: "refuse", status: null }),
      ];
    case "down":
      return [step(at, { do: "down" }), step(later(50, 800), { do: "up" })];
    case "delay":
      return [
        step(at, { do: "delay", ms: random.between(5, 60) }),
        step(later(500, 2_000), { do: "delay", ms: 0 }),
      ];
    case "fillDisk":
      return [step(at, { do: "fill-disk" }), step(later(100, 2_000), { do: "free-disk" })];
    default:
      return kind satisfies never;
  }
}
