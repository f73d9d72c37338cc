import type { Timed } from "./plan.ts";

/** One after the other, each at its moment, or as soon as the one before is done. */
export async function takeSteps<A>(
  steps: readonly Timed<A>[],
  perform: (action: A) => Promise<void>,
): Promise<void> {
  const begunAt = performance.now();
  for (const { atMs, action } of steps) {
    await until(begunAt + atMs);
    await perform(action);
  }
}

async function until(moment: number): Promise<void> {
  const ms = moment - performance.now();
  // waits: when a fault comes is what is tried, and nothing tells that it is time for one
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
