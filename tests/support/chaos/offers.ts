/** What a control plane sends of one task: the part of a plan that the wire alone decides. */
import type { Action, Step } from "./plan.ts";
import type { Random } from "./random.ts";

interface Offered {
  readonly taskId: string;
  readonly executions: readonly unknown[];
  /** Its number in the plan. */
  readonly at: number;
}

/** When each execution of a task is given to somebody, once or again, and when the task is cancelled, if it is. */
export function offersOf(random: Random, { taskId, executions, at: task }: Offered, lastsMs: number): Step[] {
  const begin = random.between(0, lastsMs - 1_000);
  const any = () => random.between(0, 999);
  const offers = executions.flatMap((_, execution) => {
    const first = begin + execution * random.between(0, 1_500);
    const again = Array.from({ length: Number(random.weighted({ 0: 6, 1: 3, 2: 2, 3: 1 })) }, () =>
      random.chance(0.5) ? random.between(0, 100) : random.between(100, lastsMs),
    );
    return [0, ...again].map((after) =>
      step(Math.min(first + after, lastsMs), { do: "offer", task, execution, any: any() }),
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
