/** A campaign whose agents or commands run on this very host, from its first worker to what is left at its end. */
import type { CampaignResult } from "./campaign-result.ts";
import { type HostSite, perform } from "./perform.ts";
import type { Plan } from "./plan.ts";
import { healLinks, type Patience, type SettlingSite, settle } from "./settle.ts";
import { takeSteps } from "./take-steps.ts";

interface CampaignSite<History> extends HostSite, SettlingSite {
  history(): Promise<History>;
}

const PATIENCE: Patience = { settlesWithinMs: 30_000, stopsWithinMs: 25_000 };

export async function carryOut<History>(
  plan: Pick<Plan, "seats" | "steps">,
  site: CampaignSite<History>,
): Promise<CampaignResult<History>> {
  for (let seat = 0; seat < plan.seats; seat++) await site.fleet.start(seat);
  await takeSteps(plan.steps, (action) => perform(action, site));
  site.disk?.free();
  await healLinks(site, PATIENCE);
  await settle(site, PATIENCE);
  return { history: await site.history(), logs: site.fleet.logs() };
}
