/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import { isLinkFault, LINK_FAULTS, linkFault } from "../link-faults.ts";
import type { Timed } from "../plan.ts";
import { Random } from "../random.ts";
import { drainOf, WORKER_FAULTS, workerFault } from "../worker-faults.ts";
import type { Prunable } from "./happening.ts";
import {
  type AgentPlan,
  type Ambush,
  type DockerAction,
  type DockerPlan,
  type DockerTaskPlan,
  IMAGES,
  type Moment,
} from "./plan.ts";

/** Long enough for an engine to go and come back, short enough for many seeds. */
const LASTS_MS = 6_000;

export function makePlan(seed: number): DockerPlan {
  const random = new Random(seed);
  const seats = random.pick([1, 1, 2, 3]);
  const tasks = Array.from({ length: random.between(6, 10) }, (_, at) => makeTask(random, at));
  const offers = tasks.flatMap(({ taskId }, task) => offersOf(random, taskId, task));
  const faults = Array.from({ length: random.between(5, 9) }, () => makeFault(random, seats));
  const others = {
    ambushes: tasks.flatMap(({ taskId }, task) =>
      random.chance(0.5) ? [makeAmbush(random, { taskId, task, seats })] : [],
    ),
    seats,
    liveRestore: random.chance(0.4),
    maxConcurrentTasks: random.chance(0.2) ? 2 : 0,
    graceMs: random.pick([1_000, 2_000]),
    drainMs: random.chance(0.2) ? 1_500 : 0,
    pull: random.pick<DockerPlan["pull"]>(["always", "if-not-present"]),
    atLast: random.pick<DockerPlan["atLast"]>(["SIGKILL", "SIGTERM"]),
  } as const;
  const drain = drainOf(random, { seats, lastsMs: LASTS_MS });
  const steps = [...offers, ...faults.flat(), ...drain, ...restarts(seats)];
  return { seed, tasks, steps: steps.toSorted((one, other) => one.atMs - other.atMs), ...others };
}

/** As a service manager does: a worker that could not start without its engine, or was killed for good, is back after a while. */
function restarts(seats: number): Timed<DockerAction>[] {
  const moments = Array.from({ length: LASTS_MS / RESTARTS_MS }, (_, at) => (at + 1) * RESTARTS_MS);
  return moments.flatMap((at) => Array.from({ length: seats }, (_, seat) => step(at, { do: "start", seat })));
}

const RESTARTS_MS = 1_000;

function makeTask(random: Random, at: number): DockerTaskPlan {
  const own = random.pick([3, 40]) + at;
  const agent: AgentPlan = {
    executionId: `t${at}-e0`,
    // Of its own, and as if it had been killed or told to end.
    exit: random.pick([0, 0, 0, own, own, 137, 143]),
    ticks: random.pick([0, 1, 3, 6, 10, 14]),
    onTerm: random.weighted({ end: 5, ignore: 2, late: 3 }),
    lines: random.chance(0.2) ? random.pick([100, 20_000]) : 0,
    outOfMemory: random.chance(0.08),
    writable: random.chance(0.3),
    shared: random.chance(0.2),
    volume: random.chance(0.3),
  };
  return { taskId: `t${at}`, executions: [agent] };
}

function offersOf(random: Random, taskId: string, task: number): Timed<DockerAction>[] {
  const any = () => random.between(0, 999);
  const begin = random.between(0, LASTS_MS - 1_500);
  const agains = Array.from({ length: random.pick([0, 0, 1, 2]) }, () =>
    step(begin + random.between(0, 4_000), { do: "offer-again", task }),
  );
  const cancels = random.chance(0.25)
    ? [step(begin + random.between(0, 3_000), { do: "cancel", taskId, any: any() })]
    : [];
  return [step(begin, { do: "offer", task, execution: 0, any: any() }), ...agains, ...cancels];
}

function step(atMs: number, action: DockerAction): Timed<DockerAction> {
  return { atMs, action };
}

const ENGINE_FAULTS = {
  engineKilled: 5,
  engineTerminated: 4,
  enginePaused: 4,
  meddling: 10,
  pausing: 4,
  pruning: 7,
  removing: 3,
} as const;

function makeFault(random: Random, seats: number): Timed<DockerAction>[] {
  const at = random.between(200, LASTS_MS);
  const seat = random.between(0, seats - 1);
  const kind = random.weighted({ ...WORKER_FAULTS, ...LINK_FAULTS, ...ENGINE_FAULTS });
  if (isLinkFault(kind)) return linkFault(random, kind, at);
  return isEngineFault(kind) ? engineFault(random, kind, at) : workerFault(random, kind, at, seat);
}

function isEngineFault(kind: string): kind is keyof typeof ENGINE_FAULTS {
  return kind in ENGINE_FAULTS;
}

function engineFault(random: Random, kind: keyof typeof ENGINE_FAULTS, at: number): Timed<DockerAction>[] {
  const later = (least: number, most: number) => at + random.between(least, most);
  switch (kind) {
    case "engineKilled":
      return [
        step(at, { do: "trouble", what: "kill" }),
        step(later(0, 2_000), { do: "trouble", what: "start" }),
      ];
    case "engineTerminated":
      return [
        step(at, { do: "trouble", what: "terminate" }),
        step(later(0, 2_000), { do: "trouble", what: "start" }),
      ];
    case "enginePaused":
      return [
        step(at, { do: "trouble", what: "pause" }),
        step(later(500, 5_000), { do: "trouble", what: "resume" }),
      ];
    case "meddling":
      return [step(at, { do: "meddle-any", any: random.between(0, 99), how: random.pick(MEDDLINGS) })];
    case "pausing":
      return [
        step(at, { do: "meddle-any", any: random.between(0, 99), how: "pause" }),
        step(later(500, 4_000), { do: "meddle-any", any: 0, how: "unpause" }),
      ];
    case "pruning": {
      const what = random.pick<Prunable>(["containers", "volumes", "images"]);
      return [at, later(0, 500), later(500, 2_000)].map((when) => step(when, { do: "prune", what }));
    }
    case "removing":
      return [step(at, { do: "remove-image", image: random.pick(IMAGES) })];
    default:
      return kind satisfies never;
  }
}

const MEDDLINGS = ["remove", "kill", "stop", "rename", "restart-policy", "kill-shim"] as const;

interface Target {
  readonly taskId: string;
  readonly task: number;
  readonly seats: number;
}

/** What comes at a random moment seldom comes in the middle of something: these come there. */
function makeAmbush(random: Random, { taskId, task, seats }: Target): Ambush {
  const seat = random.between(0, seats - 1);
  const after = random.pick([0, 0, 5, 20, 60, 120, 300]);
  const moment = random.pick<Moment>(["claimed", "start", "term", "end", "end"]);
  const cancel: DockerAction = { do: "cancel", taskId, any: 0 };
  const signal = (name: "SIGKILL" | "SIGTERM"): DockerAction => ({ do: "signal-holder", task, signal: name });
  const restart = step(after + random.pick([30, 300, 2_000]), { do: "start", seat });
  const kind = random.weighted({ cancel: 2, both: 2, kill: 3, terminate: 3, engine: 3, pause: 2, meddle: 3 });
  const follows = (): Timed<DockerAction>[] => {
    switch (kind) {
      case "cancel":
        return [step(after, cancel), step(after + random.between(0, 50), cancel)];
      case "both":
        return [step(after, cancel), step(after + 30, signal("SIGKILL")), restart];
      case "kill":
        return [step(after, signal("SIGKILL")), restart];
      case "terminate":
        return [step(after, signal("SIGTERM")), restart];
      case "engine": {
        const what = random.pick(["kill", "terminate"] as const);
        return [
          step(after, { do: "trouble", what }),
          step(after + random.between(0, 1_000), { do: "trouble", what: "start" }),
        ];
      }
      case "pause":
        return [
          step(after, { do: "trouble", what: "pause" }),
          step(after + random.between(0, 400), signal(random.pick(["SIGKILL", "SIGTERM"]))),
          restart,
          step(after + random.between(500, 2_500), { do: "trouble", what: "resume" }),
        ];
      case "meddle":
        return [
          step(after, { do: "meddle", task, how: random.pick(MEDDLINGS) }),
          step(after, { do: "offer-again", task }),
        ];
      default:
        return kind satisfies never;
    }
  };
  return { task, moment, follows: follows().toSorted((one, other) => one.atMs - other.atMs) };
}
