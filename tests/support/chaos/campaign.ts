/** Carries a plan out against the compiled worker, lets things settle, and tells what happened. */
import type { History } from "./history.ts";
import { perform } from "./perform.ts";
import type { Plan } from "./plan.ts";
import { healLinks, type Patience, settle } from "./settle.ts";
import { ChaosSite } from "./site.ts";
import { takeSteps } from "./take-steps.ts";

export interface CampaignResult {
  readonly history: History;
  /** Of all workers. */
  readonly logs: string;
}

const PATIENCE: Patience = { settlesWithinMs: 30_000, stopsWithinMs: 25_000 };

export async function runCampaign(plan: Plan): Promise<CampaignResult> {
  await using site = await ChaosSite.open(plan);
  for (let seat = 0; seat < plan.seats; seat++) await site.fleet.start(seat);
  await takeSteps(plan.steps, (action) => perform(action, site));
  site.disk?.free();
  await healLinks(site, PATIENCE);
  await settle(site, PATIENCE);
  return { history: await site.history(), logs: site.fleet.logs() };
}
