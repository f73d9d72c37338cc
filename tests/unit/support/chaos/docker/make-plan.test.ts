/** Plans of campaigns against an engine: the same for the same seed, and of all that can happen in them each does. */
import { describe, expect, test } from "bun:test";
import { makePlan } from "../../../../support/chaos/docker/make-plan.ts";
import { type DockerAction, describePlan } from "../../../../support/chaos/docker/plan.ts";

const PLANS = Array.from({ length: 150 }, (_, seed) => makePlan(seed));

describe("a plan against an engine", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(makePlan(7)).toEqual(makePlan(7));
    expect(makePlan(7)).not.toEqual(makePlan(8));
    expect(describePlan(makePlan(7))).toStartWith("seed 7: ");
  });

  test("has its steps and what follows a moment in the order of their times", () => {
    for (const { steps, ambushes } of PLANS) {
      for (const each of [steps, ...ambushes.map(({ follows }) => follows)]) {
        const times = each.map(({ atMs }) => atMs);
        expect(times).toEqual(times.toSorted((one, other) => one - other));
      }
    }
  });

  test("has every kind of action in some seed, and an end for what has one", () => {
    const actions = PLANS.flatMap(({ steps }) => steps.map(({ action }) => nameOf(action)));
    expect([...new Set(actions)].sort()).toEqual([
      ...["cancel", "cut", "cut-at", "cut-frozen", "delay", "down", "freeze", "kill-at"],
      ...["meddle kill", "meddle kill-shim", "meddle pause", "meddle remove", "meddle rename"],
      ...["meddle restart-policy", "meddle stop", "meddle unpause", "offer", "offer-again"],
      ...["prune containers", "prune images", "prune volumes", "refuse", "remove-image", "signal", "start"],
      ...["thaw", "trouble kill", "trouble pause", "trouble resume", "trouble start", "trouble terminate"],
      "up",
    ]);
    const follow = PLANS.flatMap(({ ambushes }) => ambushes.flatMap(({ follows }) => follows));
    expect(follow.map(({ action }) => action.do)).toContain("signal-holder");
    const moments = new Set(PLANS.flatMap(({ ambushes }) => ambushes.map(({ moment }) => moment)));
    expect([...moments].sort()).toEqual(["claimed", "end", "start", "term"]);
  });
});

function nameOf(action: DockerAction): string {
  switch (action.do) {
    case "meddle":
    case "meddle-any":
      return `meddle ${action.how}`;
    case "trouble":
    case "prune":
      return `${action.do} ${action.what}`;
    default:
      return action.do;
  }
}
