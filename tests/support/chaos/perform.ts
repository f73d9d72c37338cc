/** Does one action of a plan. What it aims at may not be there at the moment; then nothing happens. */
import type { Assignment } from "../../../src/dev/assignment-of.ts";
import type { Tmpfs } from "../tmpfs.ts";
import type { Fleet } from "./fleet.ts";
import type { SaidType } from "./history.ts";
import type { Action, LinkAction, WorkerAction } from "./plan.ts";
import type { RecordingPlane } from "./recording-plane.ts";

/** What of a campaign's host has to do with the links. */
export interface LinkSite {
  readonly plane: RecordingPlane;
  assignment(task: number, execution: number): Assignment;
}

export interface WorkerSite {
  readonly fleet: Fleet;
  /** The next worker that says this is killed; null: none is. */
  killAt: SaidType | null;
}

/** With shims, and a state folder that may be on a disk of its own. */
export interface HostSite extends LinkSite, WorkerSite {
  readonly disk: Tmpfs | null;
}

export async function perform(action: Action, site: HostSite): Promise<void> {
  switch (action.do) {
    case "signal-shim":
      site.fleet.signalShim(action.seat, action.signal);
      return;
    case "fill-disk":
      site.disk?.fill();
      return;
    case "free-disk":
      site.disk?.free();
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

export async function performOnWorkers(action: WorkerAction, site: WorkerSite): Promise<void> {
  switch (action.do) {
    case "start":
      await site.fleet.start(action.seat);
      return;
    case "signal":
      site.fleet.signal(action.seat, action.signal);
      return;
    case "kill-at":
      site.killAt = action.saying;
      return;
    default:
      action satisfies never;
  }
}

export async function performOnLinks(action: LinkAction, site: LinkSite): Promise<void> {
  const { plane } = site;
  switch (action.do) {
    case "down":
      await plane.down();
      return;
    case "up":
      await plane.up();
      return;
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

function offer({ task, execution, any }: Extract<LinkAction, { do: "offer" }>, site: LinkSite): void {
  const { plane } = site;
  const link = plane.any(any);
  if (link === undefined) return;
  plane.assign(link, site.assignment(task, execution));
  // Not after each: what a fence makes the worker do would be a part of every moment.
  if (any % 2 === 0) plane.fence(link);
}
