/** Does one action of a plan. What it aims at may not be there at the moment; then nothing happens. */
import type { Action } from "./plan.ts";
import type { ChaosSite } from "./site.ts";

type LinkAction = Extract<
  Action,
  { do: "offer" | "cancel" | "cut" | "freeze" | "cut-frozen" | "thaw" | "cut-at" | "refuse" | "delay" }
>;

export async function perform(action: Action, site: ChaosSite): Promise<void> {
  const { fleet, plane, disk } = site;
  switch (action.do) {
    case "start":
      await fleet.start(action.seat);
      return;
    case "signal":
      fleet.signal(action.seat, action.signal);
      return;
    case "signal-shim":
      fleet.signalShim(action.seat, action.signal);
      return;
    case "kill-at":
      site.killAt = action.saying;
      return;
    case "down":
      await plane.down();
      return;
    case "up":
      await plane.up();
      return;
    case "fill-disk":
      disk?.fill();
      return;
    case "free-disk":
      disk?.free();
      return;
    default:
      performOnLinks(action, site);
  }
}

function performOnLinks(action: LinkAction, site: ChaosSite): void {
  const { plane } = site;
  switch (action.do) {
    case "offer":
      offer(action, site);
      return;
    case "cancel":
      // Nobody knows which of several has it, so all are told.
      for (const link of plane.open.values()) {
        plane.cancel(link, action.taskId);
        plane.fence(link);
      }
      return;
    case "cut":
      plane.any(action.any)?.pipe.cut(action.how);
      return;
    case "freeze":
      plane.freeze(action.direction);
      return;
    case "cut-frozen":
      plane.cutFrozen();
      return;
    case "thaw":
      plane.thaw();
      return;
    case "cut-at":
      plane.cutAt(action.moment);
      return;
    case "refuse":
      plane.refuseWith(action.status);
      return;
    case "delay":
      plane.delayBy(action.ms);
      return;
    default:
      action satisfies never;
  }
}

function offer({ task, execution, any }: Extract<Action, { do: "offer" }>, site: ChaosSite): void {
  const { plane } = site;
  const link = plane.any(any);
  if (link === undefined) return;
  plane.assign(link, site.assignment(task, execution));
  // Not after each: what a fence makes the worker do would be a part of every moment.
  if (any % 2 === 0) plane.fence(link);
}
