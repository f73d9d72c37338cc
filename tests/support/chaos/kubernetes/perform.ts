/** Does one action of a plan. What it aims at may not be there at the moment; then nothing happens. */
import { performOnLinks, performOnWorkers } from "../perform.ts";
import type { PlaneLink } from "../recording-plane.ts";
import type { ClusterAction } from "./plan.ts";
import type { ClusterChaosSite } from "./site.ts";

export async function perform(action: ClusterAction, site: ClusterChaosSite): Promise<void> {
  switch (action.do) {
    case "api":
      await site.api.make(action.trouble);
      return;
    case "stall":
      site.stalls.make(action.program, action.how);
      return;
    case "interfere": {
      const task = site.plan.tasks[action.task];
      if (task !== undefined) site.background(site.interferer.interfere(task, action.how));
      return;
    }
    case "offer-again":
      offer(action.task, site, (links, holder) => links.find(({ worker }) => worker === holder));
      return;
    case "offer-other":
      offer(action.task, site, (links, holder) => {
        const others = links.filter(({ worker }) => worker !== holder);
        return others[action.any % others.length];
      });
      return;
    case "start":
    case "signal":
    case "kill-at":
      await performOnWorkers(action, site);
      return;
    default:
      await performOnLinks(action, site);
  }
}

/** Nobody gives away a task that is over, or that nobody has had. */
function offer(
  task: number,
  site: ClusterChaosSite,
  choose: (links: readonly PlaneLink[], holder: number) => PlaneLink | undefined,
): void {
  const holder = site.holderOf(task);
  if (holder === undefined || site.isOver(task)) return;
  const link = choose([...site.plane.open.values()], holder);
  if (link !== undefined) site.plane.assign(link, site.assignment(task, 0));
}
