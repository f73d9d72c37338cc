/**
 * Campaigns of random faults against a real cluster: the way to its API server is cut and frozen, that and the kubelet are stopped,
 * its Jobs and pods are deleted and suspended, and the workers and their links fare no better. CONTRIBUTING.md tells how to run more of them.
 */
import { describe, test } from "bun:test";
import { expectNothingBroken } from "../support/chaos/campaign-result.ts";
import { runCampaign } from "../support/chaos/kubernetes/campaign.ts";
import { judge } from "../support/chaos/kubernetes/checker/verdict.ts";
import { makePlan } from "../support/chaos/kubernetes/make-plan.ts";
import { describePlan } from "../support/chaos/kubernetes/plan.ts";
import { seedsFrom } from "../support/chaos/seeds.ts";
import { noCluster } from "../support/live-cluster.ts";

const SEEDS = seedsFrom(process.env["OZ_CHAOS_SEEDS"], [3035]);

describe.skipIf(noCluster !== null)("a campaign of random faults on a real cluster", () => {
  test.each(SEEDS)(
    "breaks no promise: seed %d",
    async (seed) => {
      const plan = makePlan(seed);
      const result = await runCampaign(plan);
      const broken = judge(result.history);
      await expectNothingBroken({ ...result, seed, kind: "kubernetes", plan: describePlan(plan), broken });
    },
    240_000,
  );
});
