/** What happens to the workers' own processes: the part of a plan that no backend decides. */
import type { Timed, WorkerAction } from "./plan.ts";
import type { Random } from "./random.ts";

/** How often each comes; what kills is what most is promised of. */
export const WORKER_FAULTS = {
  kill: 6,
  killForGood: 2,
  terminate: 3,
  terminateTwice: 1,
  pause: 2,
  killAt: 4,
  storm: 2,
} as const;

export function workerFault(
  random: Random,
  kind: keyof typeof WORKER_FAULTS,
  at: number,
  seat: number,
): Timed<WorkerAction>[] {
  const later = (least: number, most: number) => at + random.between(least, most);
  const signal = (when: number, name: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT") =>
    step(when, { do: "signal", seat, signal: name });
  const start = (when: number) => step(when, { do: "start", seat });
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
    default:
      return kind satisfies never;
  }
}

/**
 * A worker that is asked to drain, and perhaps to stop after all while its tasks end; another may be started beside it. Not in
 * every plan, and to be asked for last, so that what else a seed stands for stays as it is.
 */
export function drainOf(
  random: Random,
  { seats, lastsMs }: { readonly seats: number; readonly lastsMs: number },
): Timed<WorkerAction>[] {
  if (!random.chance(0.3)) return [];
  const at = random.between(100, lastsMs - 500);
  const seat = random.between(0, seats - 1);
  const later = (most: number) => at + random.between(0, most);
  const stop = step(later(2_000), { do: "signal", seat, signal: "SIGTERM" });
  return [
    step(at, { do: "signal", seat, signal: "SIGQUIT" }),
    ...(random.chance(0.3) ? [stop] : []),
    step(later(1_500), { do: "start", seat }),
  ];
}

function step(atMs: number, action: WorkerAction): Timed<WorkerAction> {
  return { atMs, action };
}

/** One after the other, each of them perhaps while it still takes over what the one before has left. */
function storm(random: Random, at: number): number[] {
  const moments = [at];
  for (let more = random.between(1, 4); more > 0; more--)
    moments.push((moments.at(-1) ?? at) + random.between(5, 120));
  return moments;
}
