/** What happens to the links, the workers, their shims and their disk: the part of a plan that all backends of this host share. */
import { isLinkFault, LINK_FAULTS, linkFault } from "./link-faults.ts";
import type { Action, Step } from "./plan.ts";
import type { Random } from "./random.ts";
import { WORKER_FAULTS, workerFault } from "./worker-faults.ts";

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

export interface FaultOptions {
  readonly seats: number;
  /** The state folder is on a disk that can be filled. */
  readonly smallDisk: boolean;
  /** Of the whole campaign. */
  readonly lastsMs: number;
}

export function makeFault(random: Random, { seats, smallDisk, lastsMs }: FaultOptions): Step[] {
  const at = random.between(100, lastsMs - 500);
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
