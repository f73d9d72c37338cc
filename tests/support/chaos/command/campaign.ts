/** Carries a plan out against the compiled worker and an engine of shell scripts, lets things settle, and tells what happened. */
import type { CampaignResult } from "../campaign-result.ts";
import { carryOut } from "../carry-out.ts";
import type { CommandHistory } from "./history.ts";
import type { CommandPlan } from "./plan.ts";
import { CommandChaosSite } from "./site.ts";

export async function runCampaign(plan: CommandPlan): Promise<CampaignResult<CommandHistory>> {
  await using site = await CommandChaosSite.open(plan);
  return await carryOut(plan, site);
}
