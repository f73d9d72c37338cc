/** Carries a plan out against the compiled worker and a real cluster, lets things settle, and tells what happened. */

import type { CampaignResult } from "../campaign-result.ts";
import { healLinks, type Patience, settle } from "../settle.ts";
import { takeSteps } from "../take-steps.ts";
import type { ClusterHistory } from "./history.ts";
import { perform } from "./perform.ts";
import type { ClusterPlan } from "./plan.ts";
import { ClusterChaosSite } from "./site.ts";

/** A pod that nobody told of is found by the look that is taken every 30 s. */
const PATIENCE: Patience = { settlesWithinMs: 90_000, stopsWithinMs: 25_000 };

export async function runCampaign(plan: ClusterPlan): Promise<CampaignResult<ClusterHistory>> {
  await using site = await ClusterChaosSite.open(plan);
  for (let seat = 0; seat < plan.seats; seat++) {
    const member = await site.fleet.start(seat);
    if (member !== null) await site.plane.waitForLink(member.number, PATIENCE.settlesWithinMs);
  }
  await takeSteps(plan.steps, (action) => perform(action, site));
  await site.heal();
  await healLinks(site, PATIENCE);
  await site.releaseLeases();
  // Of what others still have in the cluster the last worker says nothing, nor of Jobs whose ends are told.
  await settle(site, PATIENCE, () => site.takenOver());
  return { history: await site.history(), logs: site.fleet.logs() };
}
