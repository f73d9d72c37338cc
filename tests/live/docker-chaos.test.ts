/**
 * Campaigns of random faults against a real engine: it is killed, paused and pruned, its containers are taken away, and the
 * workers and their links fare no better. CONTRIBUTING.md tells how to run more of them.
 */
import { test } from "bun:test";
import { expectNothingBroken } from "../support/chaos/campaign-result.ts";
import { runCampaign } from "../support/chaos/docker/campaign.ts";
import { judge } from "../support/chaos/docker/checker/verdict.ts";
import { makePlan } from "../support/chaos/docker/make-plan.ts";
import { describePlan } from "../support/chaos/docker/plan.ts";
import { seedsFrom } from "../support/chaos/seeds.ts";
import { type LiveEngine, onEngines } from "../support/live-services.ts";

const ASKED = process.env["OZ_CHAOS_SEEDS"];
const SEEDS = seedsFrom(ASKED, [409, 410, 413]);

function declareCampaigns({ flavour, registry }: LiveEngine): void {
  test.each(SEEDS)(
    "breaks no promise: seed %d",
    async (seed) => {
      const plan = makePlan(seed);
      const result = await runCampaign(plan, { flavour, registry });
      const broken = judge(result.history);
      await expectNothingBroken({ ...result, seed, kind: flavour, plan: describePlan(plan), broken });
    },
    180_000,
  );
}

// One engine by itself takes half a minute of every test run, and the other one is troubled no otherwise.
onEngines(
  ASKED ? ["debian", "modern", "podman"] : ["debian"],
  "a campaign of random faults",
  declareCampaigns,
);
