/**
 * Campaigns of random faults: many tasks, and at random moments whatever a network, a control plane, a host and its operator
 * do to a worker. What came of it is judged by the wire, by what the agents wrote down, and by what is left.
 * CONTRIBUTING.md tells how to run more of them.
 */
import { describe, test } from "bun:test";
import { runCampaign } from "../support/chaos/campaign.ts";
import { expectNothingBroken } from "../support/chaos/campaign-result.ts";
import { judge } from "../support/chaos/checker/verdict.ts";
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
      const result = await runCampaign(plan);
      const broken = judge(result.history);
      await expectNothingBroken({ ...result, seed, plan: describePlan(plan), broken });
    },
    120_000,
  );
});
