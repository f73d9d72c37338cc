/** Plans of campaigns against a cluster: the same for the same seed, and of all that can happen in them each does. */
import { describe, expect, test } from "bun:test";
import { makePlan } from "../../../../support/chaos/kubernetes/make-plan.ts";
import { type ClusterAction, describePlan } from "../../../../support/chaos/kubernetes/plan.ts";

const PLANS = Array.from({ length: 150 }, (_, seed) => makePlan(seed));

describe("a plan against a cluster", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(makePlan(7)).toEqual(makePlan(7));
    expect(makePlan(7)).not.toEqual(makePlan(8));
    expect(describePlan(makePlan(7))).toStartWith("seed 7: ");
  });

  test("has its steps in the order of their times", () => {
    for (const { steps } of PLANS) {
      const times = steps.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
    }
  });

  test("has every kind of action in some seed, and an end for what has one", () => {
    const actions = PLANS.flatMap(({ steps }) => steps.map(({ action }) => nameOf(action)));
    expect([...new Set(actions)].sort()).toEqual([
      ...["api cut", "api cut-frozen", "api freeze", "api leave", "api return", "api thaw", "cancel", "cut"],
      ...["cut-at", "cut-frozen", "delay", "down", "freeze", "interfere delete-job", "interfere delete-pod"],
      ...["interfere force-pod", "interfere resume", "interfere suspend", "kill-at", "offer", "offer-again"],
      ...["offer-other", "refuse", "signal", "stall kube-apiserver", "stall kubelet", "start", "thaw", "up"],
    ]);
  });
});

function nameOf(action: ClusterAction): string {
  switch (action.do) {
    case "api":
      return `api ${action.trouble}`;
    case "interfere":
      return `interfere ${action.how}`;
    case "stall":
      return `stall ${action.program}`;
    default:
      return action.do;
  }
}
