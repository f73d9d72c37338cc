/** Plans of campaigns: the same for the same seed, and of all that can happen in them each does. */
import { describe, expect, test } from "bun:test";
import { makePlan } from "../../../support/chaos/make-plan.ts";
import { describePlan } from "../../../support/chaos/plan.ts";
import { seedsFrom } from "../../../support/chaos/seeds.ts";

const ANYWHERE = { canMount: true };

describe("a plan", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(makePlan(7, ANYWHERE)).toEqual(makePlan(7, ANYWHERE));
    expect(makePlan(7, ANYWHERE)).not.toEqual(makePlan(8, ANYWHERE));
    expect(describePlan(makePlan(7, ANYWHERE))).toStartWith("seed 7: ");
  });

  test("has its steps in the order of their times, and no statuses of a task that cannot be told apart", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { steps, tasks } = makePlan(seed, ANYWHERE);
      const times = steps.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
      for (const { executions } of tasks) {
        const exits = executions.map(({ exit }) => exit).filter((exit) => exit !== 0);
        expect(new Set(exits).size).toBe(exits.length);
      }
    }
  });

  test("has every kind of action in some seed, and no full disk where none can be mounted", () => {
    const plans = Array.from({ length: 100 }, (_, seed) => makePlan(seed, ANYWHERE));
    const kinds = new Set<string>(plans.flatMap(({ steps }) => steps.map(({ action }) => action.do)));
    expect([...kinds].sort()).toEqual([
      ...[
        "cancel",
        "cut",
        "cut-at",
        "cut-frozen",
        "delay",
        "down",
        "fill-disk",
        "free-disk",
        "freeze",
        "kill-at",
      ],
      ...["offer", "refuse", "signal", "signal-shim", "start", "thaw", "up"],
    ]);
    const elsewhere = plans.map(({ seed }) => makePlan(seed, { canMount: false }));
    expect(elsewhere.some(({ smallDisk }) => smallDisk)).toBe(false);
  });
});

describe("seeds", () => {
  test.each<[string | undefined, number[]]>([
    [undefined, [1, 2]],
    ["", [1, 2]],
    ["7", [7]],
    ["7,12", [7, 12]],
    ["100+3,5", [100, 101, 102, 5]],
  ])("of %p are %p", (asked, seeds) => {
    expect(seedsFrom(asked, [1, 2])).toEqual(seeds);
  });

  test("that are none are an error", () => {
    expect(() => seedsFrom("x", [])).toThrow("write seeds as 7,12 or as 100+50");
  });
});
