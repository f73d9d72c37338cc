/** Plans of campaigns with the Command backend: the same for the same seed, and of all that can happen in them each does. */
import { describe, expect, test } from "bun:test";
import { makePlan } from "../../../../support/chaos/command/make-plan.ts";
import { DISPATCH_TIMEOUT_MS } from "../../../../support/chaos/command/plan.ts";

const ANYWHERE = { canMount: true };
const plans = Array.from({ length: 100 }, (_, seed) => makePlan(seed, ANYWHERE));
const dispatches = plans.flatMap(({ tasks }) => tasks.flatMap(({ executions }) => executions));

describe("a plan", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(makePlan(7, ANYWHERE)).toEqual(makePlan(7, ANYWHERE));
    expect(makePlan(7, ANYWHERE)).not.toEqual(makePlan(8, ANYWHERE));
  });

  test("has its steps in the order of their times, and no statuses of a task that cannot be told apart", () => {
    for (const { steps, tasks } of plans) {
      const times = steps.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
      for (const { executions } of tasks) {
        const exits = executions.map(({ exit }) => exit).filter((exit) => exit !== 0);
        expect(new Set(exits).size).toBe(exits.length);
      }
    }
  });

  test("has commands of every kind in some seed, and none of which nobody could say whether it is over time", () => {
    const kinds = <T>(of: (dispatch: (typeof dispatches)[number]) => T) => new Set(dispatches.map(of)).size;
    expect([
      kinds(({ onTerm }) => onTerm),
      kinds(({ leaves }) => leaves),
      kinds(({ cancel }) => cancel.how),
      kinds(({ reads, isLarge }) => `${reads} ${isLarge}`),
    ]).toEqual([4, 3, 3, 4]);
    const near = ({ dispatchMs }: { dispatchMs: number }) => Math.abs(dispatchMs - DISPATCH_TIMEOUT_MS) < 200;
    expect(dispatches.filter(near)).toEqual([]);
  });

  test("has every kind of action in some seed, and no full disk where none can be mounted, or beside other workers", () => {
    const actions = new Set<string>(plans.flatMap(({ steps }) => steps.map(({ action }) => action.do)));
    expect(actions.size).toBe(17);
    expect(plans.some(({ smallDisk, seats }) => smallDisk && seats > 1)).toBe(false);
    const elsewhere = plans.map(({ seed }) => makePlan(seed, { canMount: false }));
    expect(elsewhere.some(({ smallDisk }) => smallDisk)).toBe(false);
  });
});
