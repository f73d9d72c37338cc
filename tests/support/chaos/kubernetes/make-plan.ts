/** A seed's plan: nothing in it is thought out, so that what nobody thought of happens. */
import { isLinkFault, LINK_FAULTS, linkFault } from "../link-faults.ts";
import type { Timed } from "../plan.ts";
import { Random } from "../random.ts";
import { WORKER_FAULTS, workerFault } from "../worker-faults.ts";
import type { ClusterProgram, Interference, Stall } from "./happening.ts";
import type { AgentPlan, ClusterAction, ClusterPlan, ClusterTaskPlan } from "./plan.ts";

/** Long enough for pods to be made and ended, short enough for a test run. */
const LASTS_MS = 10_000;

export function makePlan(seed: number): ClusterPlan {
  const random = new Random(seed);
  const seats = random.pick([1, 2, 2, 3]);
  const tasks = Array.from({ length: random.between(5, 8) }, (_, at) => makeTask(random, at));
  const offers = tasks.flatMap(({ taskId }, task) => offersOf(random, taskId, task));
  const faults = Array.from({ length: random.between(5, 9) }, () =>
    makeFault(random, { seats, tasks: tasks.length }),
  );
  const maxConcurrentTasks = random.chance(0.2) ? 3 : 0;
  const atLast = random.pick<ClusterPlan["atLast"]>(["SIGKILL", "SIGTERM"]);
  const deadlineSeconds = random.chance(0.4) ? random.pick([6, 9]) : null;
  const stalls = deadlineSeconds === null ? [] : stallOver(random, deadlineSeconds, offers);
  const steps = [...offers, ...faults.flat(), ...stalls, ...restarts(seats)];
  return {
    seed,
    tasks,
    steps: steps.toSorted((one, other) => one.atMs - other.atMs),
    seats,
    maxConcurrentTasks,
    deadlineSeconds,
    atLast,
  };
}

/**
 * The server stands still past the deadline of what has just begun, and what ends meanwhile it hears of only when the kubelet
 * goes on, too.
 */
function stallOver(
  random: Random,
  deadlineSeconds: number,
  offers: readonly Timed<ClusterAction>[],
): Timed<ClusterAction>[] {
  const begins = offers.filter(({ action }) => action.do === "offer").map(({ atMs }) => atMs);
  const stopsAt = random.pick([1_500, ...begins]) + random.between(500, 2_000);
  const goesOnAt = stopsAt + deadlineSeconds * 1_000 + random.between(0, 2_000);
  const stall = (atMs: number, program: ClusterProgram, how: Stall) =>
    step(atMs, { do: "stall", program, how });
  return [
    stall(stopsAt, "kube-apiserver", "stop"),
    // By then it has begun what it was told of before.
    stall(stopsAt + 1_500, "kubelet", "stop"),
    stall(goesOnAt, "kube-apiserver", "continue"),
    stall(goesOnAt + random.pick([0, 500, 1_500]), "kubelet", "continue"),
  ];
}

/** As a service manager does: a worker that could not start without its cluster, or was killed for good, is back after a while. */
function restarts(seats: number): Timed<ClusterAction>[] {
  const moments = Array.from({ length: LASTS_MS / RESTARTS_MS }, (_, at) => (at + 1) * RESTARTS_MS);
  return moments.flatMap((at) => Array.from({ length: seats }, (_, seat) => step(at, { do: "start", seat })));
}

const RESTARTS_MS = 2_500;

function makeTask(random: Random, at: number): ClusterTaskPlan {
  const own = random.pick([3, 40]) + at;
  const agent: AgentPlan = {
    executionId: `t${at}-e0`,
    exit: random.pick([0, 0, own, own, own]),
    ticks: random.pick([0, 2, 6, 12, 20]),
    onTerm: random.weighted({ end: 5, ignore: 2, late: 3 }),
    imageMissing: random.chance(0.08),
  };
  return { taskId: `t${at}`, executions: [agent] };
}

function offersOf(random: Random, taskId: string, task: number): Timed<ClusterAction>[] {
  const any = () => random.between(0, 999);
  const begin = random.between(0, LASTS_MS - 3_000);
  const agains = Array.from({ length: random.pick([0, 0, 1, 2]) }, () => {
    const at = begin + random.between(0, 5_000);
    return step(
      at,
      random.chance(0.4) ? { do: "offer-other", task, any: any() } : { do: "offer-again", task },
    );
  });
  const cancels = random.chance(0.25)
    ? [step(begin + random.between(0, 5_000), { do: "cancel", taskId, any: any() })]
    : [];
  return [step(begin, { do: "offer", task, execution: 0, any: any() }), ...agains, ...cancels];
}

function step(atMs: number, action: ClusterAction): Timed<ClusterAction> {
  return { atMs, action };
}

const CLUSTER_FAULTS = { apiAway: 4, apiFrozen: 4, apiCut: 3, interference: 6, suspension: 2 } as const;

interface Size {
  readonly seats: number;
  readonly tasks: number;
}

function makeFault(random: Random, { seats, tasks }: Size): Timed<ClusterAction>[] {
  const at = random.between(200, LASTS_MS);
  const seat = random.between(0, seats - 1);
  const kind = random.weighted({ ...WORKER_FAULTS, ...LINK_FAULTS, ...CLUSTER_FAULTS });
  if (isLinkFault(kind)) return linkFault(random, kind, at);
  if (!isClusterFault(kind)) return workerFault(random, kind, at, seat);
  return clusterFault(random, kind, { at, task: random.between(0, tasks - 1) });
}

function isClusterFault(kind: string): kind is keyof typeof CLUSTER_FAULTS {
  return kind in CLUSTER_FAULTS;
}

function clusterFault(
  random: Random,
  kind: keyof typeof CLUSTER_FAULTS,
  { at, task }: { readonly at: number; readonly task: number },
): Timed<ClusterAction>[] {
  const later = (least: number, most: number) => at + random.between(least, most);
  switch (kind) {
    case "apiAway":
      return [
        step(at, { do: "api", trouble: "leave" }),
        step(later(200, 3_000), { do: "api", trouble: "return" }),
      ];
    case "apiFrozen":
      return [
        step(at, { do: "api", trouble: "freeze" }),
        step(later(200, 4_000), { do: "api", trouble: random.pick(["cut-frozen", "thaw"]) }),
      ];
    case "apiCut":
      return [step(at, { do: "api", trouble: "cut" })];
    case "interference": {
      const how = random.pick<Interference>(["delete-job", "delete-pod", "force-pod"]);
      return [step(at, { do: "interfere", task, how })];
    }
    case "suspension":
      return [
        step(at, { do: "interfere", task, how: "suspend" }),
        step(later(300, 3_000), { do: "interfere", task, how: "resume" }),
      ];
    default:
      return kind satisfies never;
  }
}
