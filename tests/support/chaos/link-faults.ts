/** What a network and a control plane do to the links of all workers: the part of a plan that no backend decides. */
import type { Direction, LinkAction, Timed } from "./plan.ts";
import type { Random } from "./random.ts";

/** How often each comes. */
export const LINK_FAULTS = { cut: 3, freeze: 3, cutAt: 4, refuse: 2, down: 2, delay: 1 } as const;

export type LinkFault = keyof typeof LINK_FAULTS;

export function isLinkFault(kind: string): kind is LinkFault {
  return kind in LINK_FAULTS;
}

export function linkFault(random: Random, kind: LinkFault, at: number): Timed<LinkAction>[] {
  const later = (least: number, most: number) => at + random.between(least, most);
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
    default:
      return kind satisfies never;
  }
}

function step(atMs: number, action: LinkAction): Timed<LinkAction> {
  return { atMs, action };
}
