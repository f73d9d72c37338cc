/** Carries a plan out against the compiled worker, lets things settle, and tells what happened. */
import type { CampaignResult } from "./campaign-result.ts";
import { carryOut } from "./carry-out.ts";
import type { History } from "./history.ts";
import type { Plan } from "./plan.ts";
import { ChaosSite } from "./site.ts";

export async function runCampaign(plan: Plan): Promise<CampaignResult<History>> {
  await using site = await ChaosSite.open(plan);
  return await carryOut(plan, site);
}
