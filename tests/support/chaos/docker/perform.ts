/** Does one action of a plan. What it aims at may not be there at the moment; then nothing happens. */
import { performOnLinks, performOnWorkers } from "../perform.ts";
import type { DockerAction } from "./plan.ts";
import type { DockerChaosSite } from "./site.ts";

export async function perform(action: DockerAction, site: DockerChaosSite): Promise<void> {
  const { plan, plane, engine, bystander } = site;
  switch (action.do) {
    case "trouble":
      site.background(engine.make(action.what));
      return;
    case "meddle":
      site.background(bystander.meddle(plan.tasks[action.task]?.taskId ?? "", action.how));
      return;
    case "meddle-any":
      site.background(bystander.meddleWithAny(action.any, action.how));
      return;
    case "prune":
      // The tests' podman tells of events four times a second: another worker is quicker to have a lock that was pruned than
      // its owner, and says so.
      if (site.flavour === "podman" && action.what === "containers" && plan.seats > 1) return;
      site.background(bystander.prune(action.what));
      return;
    case "remove-image":
      site.background(bystander.removeImage(site.image(action.image)));
      return;
    case "signal-holder": {
      const holder = site.holderOf(action.task);
      if (holder !== undefined) site.fleet.kill(holder, action.signal);
      return;
    }
    case "offer-again": {
      const holder = site.holderOf(action.task);
      const link = [...plane.open.values()].find(({ worker }) => worker === holder);
      if (link !== undefined) plane.assign(link, site.assignment(action.task, 0));
      return;
    }
    case "start":
    case "signal":
    case "kill-at":
      await performOnWorkers(action, site);
      return;
    default:
      await performOnLinks(action, site);
  }
}
