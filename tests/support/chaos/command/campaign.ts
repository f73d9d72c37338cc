/** Carries a plan out against the compiled worker and an engine of shell scripts, lets things settle, and tells what happened. */
import { perform } from "../perform.ts";
import { healLinks, type Patience, settle } from "../settle.ts";
import { takeSteps } from "../take-steps.ts";
import type { CommandHistory } from "./history.ts";
import type { CommandPlan } from "./plan.ts";
import { CommandChaosSite } from "./site.ts";

export interface CommandCampaignResult {
  readonly history: CommandHistory;
  /** Of all workers. */
  readonly logs: string;
}

const PATIENCE: Patience = { settlesWithinMs: 30_000, stopsWithinMs: 25_000 };

export async function runCampaign(plan: CommandPlan): Promise<CommandCampaignResult> {
  await using site = await CommandChaosSite.open(plan);
  for (let seat = 0; seat < plan.seats; seat++) await site.fleet.start(seat);
  await takeSteps(plan.steps, (action) => perform(action, site));
  site.disk?.free();
  await healLinks(site, PATIENCE);
  await settle(site, PATIENCE);
  return { history: await site.history(), logs: site.fleet.logs() };
}
