/**
 * Campaigns of random faults: many tasks, and at random moments whatever a network, a control plane, a host and its operator
 * do to a worker. What came of it is judged by the wire, by what the agents wrote down, and by what is left.
 * CONTRIBUTING.md tells how to run more of them.
 */
import { describe, expect, test } from "bun:test";
import { runCampaign } from "../support/chaos/campaign.ts";
import { judge, describe as tellOf } from "../support/chaos/checker/verdict.ts";
import { makePlan } from "../support/chaos/make-plan.ts";
import { describePlan } from "../support/chaos/plan.ts";
import { seedsFrom } from "../support/chaos/seeds.ts";

const SEEDS = seedsFrom(process.env["OZ_CHAOS_SEEDS"], [4, 8, 10, 19]);
const CAN_MOUNT = process.platform === "linux" && process.getuid?.() === 0;

describe("a campaign of random faults", () => {
  test.each(SEEDS)(
    "breaks no promise: seed %d",
    async (seed) => {
      const plan = makePlan(seed, { canMount: CAN_MOUNT });
      const { history, logs } = await runCampaign(plan);
      const broken = judge(history);
      const story = () => [describePlan(plan), tellOf(broken, history), logs].join("\n\n");
      if (broken.length > 0 && process.env["OZ_CHAOS_REPORT"])
        await Bun.write(`${process.env["OZ_CHAOS_REPORT"]}/seed-${seed}.txt`, story());
      expect(broken, `OZ_CHAOS_SEEDS=${seed}\n${describePlan(plan)}\n${tellOf(broken, history)}`).toEqual([]);
    },
    120_000,
  );
});
