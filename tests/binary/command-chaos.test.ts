/**
 * Campaigns of random faults with the Command backend: at random moments whatever a network, a control plane, a host, its operator
 * and an engine do to a worker that hands tasks over. What came of it is judged by the wire, by what both commands wrote down, and
 * by what is left. CONTRIBUTING.md tells how to run more of them.
 */
import { describe, test } from "bun:test";
import { expectNothingBroken } from "../support/chaos/campaign-result.ts";
import { runCampaign } from "../support/chaos/command/campaign.ts";
import { judge } from "../support/chaos/command/checker/verdict.ts";
import { makePlan } from "../support/chaos/command/make-plan.ts";
import { describePlan } from "../support/chaos/plan.ts";
import { seedsFrom } from "../support/chaos/seeds.ts";

const SEEDS = seedsFrom(process.env["OZ_CHAOS_SEEDS"], [2016, 2027, 2040, 3015]);
const CAN_MOUNT = process.platform === "linux" && process.getuid?.() === 0;

describe("a campaign of random faults with the Command backend", () => {
  test.each(SEEDS)(
    "breaks no promise: seed %d",
    async (seed) => {
      const plan = makePlan(seed, { canMount: CAN_MOUNT });
      const result = await runCampaign(plan);
      const broken = judge(result.history);
      await expectNothingBroken({ ...result, seed, kind: "command", plan: describePlan(plan), broken });
    },
    120_000,
  );
});
