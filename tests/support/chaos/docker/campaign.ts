/** Carries a plan out against the compiled worker and a real engine, lets things settle, and tells what happened. */

import type { CampaignResult } from "../campaign-result.ts";
import { healLinks, type Patience, settle } from "../settle.ts";
import { takeSteps } from "../take-steps.ts";
import type { DockerHistory } from "./history.ts";
import { perform } from "./perform.ts";
import type { DockerPlan } from "./plan.ts";
import { DockerChaosSite, type EngineChoice } from "./site.ts";

/** An engine that was killed may take its time with what its containers left. */
const PATIENCE: Patience = { settlesWithinMs: 60_000, stopsWithinMs: 40_000 };

export async function runCampaign(
  plan: DockerPlan,
  choice: EngineChoice,
): Promise<CampaignResult<DockerHistory>> {
  await using site = await DockerChaosSite.open(plan, choice);
  for (let seat = 0; seat < plan.seats; seat++) {
    const member = await site.fleet.start(seat);
    if (member !== null) await site.plane.waitForLink(member.number, PATIENCE.settlesWithinMs);
  }
  layAmbushes(site);
  await takeSteps(plan.steps, (action) => perform(action, site));
  await site.heal();
  await healLinks(site, PATIENCE);
  // What others left in the engine is removed beside the tasks, of which alone a worker says that it has none.
  await settle(site, PATIENCE, () => site.cleared());
  const history = await site.history();
  return { history, logs: `${site.fleet.logs()}\n--- engine\n${await site.engine.log()}` };
}

function layAmbushes(site: DockerChaosSite): void {
  const waiting = new Set(site.plan.ambushes);
  site.onMoment = (taskId, moment) => {
    for (const ambush of waiting) {
      if (ambush.moment !== moment || site.plan.tasks[ambush.task]?.taskId !== taskId) continue;
      waiting.delete(ambush);
      site.background(takeSteps(ambush.follows, (action) => perform(action, site)));
    }
  };
}
