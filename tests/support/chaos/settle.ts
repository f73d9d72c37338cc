/** The end of every campaign: all works again, and one worker takes over what all others have left. */
import { eventually, within } from "../wait.ts";
import { CONNECTED } from "../worker-process.ts";
import type { Happening } from "./history.ts";
import type { LinkSite, WorkerSite } from "./perform.ts";
import type { PlaneLink } from "./recording-plane.ts";

export interface SettlingSite extends LinkSite, WorkerSite {
  readonly plan: {
    readonly tasks: readonly { readonly executions: readonly { readonly executionId: string | null }[] }[];
    /** How the workers are ended that are there when the faults are over. */
    readonly atLast: "SIGKILL" | "SIGTERM";
  };
  note(happening: Happening): void;
}

export interface Patience {
  /** Longer than what is left of any task, with all its grace. */
  readonly settlesWithinMs: number;
  readonly stopsWithinMs: number;
}

/** The control plane works again, and all workers go: what they leave is the next one's. */
export async function healLinks(site: SettlingSite, { stopsWithinMs }: Patience): Promise<void> {
  const { plane, fleet, plan } = site;
  site.killAt = null;
  plane.cutAt(null);
  plane.refuseWith(null);
  plane.delayBy(0);
  plane.cutFrozen();
  await plane.up();
  fleet.wake();
  site.note({ kind: "healed" });
  await within(fleet.end(plan.atLast), "all workers to exit", stopsWithinMs);
}

/**
 * One worker takes everything over, is given everything once more, ends it, and is stopped. `beforeStop`: what it does beside
 * its tasks may take longer.
 */
export async function settle(
  site: SettlingSite,
  patience: Patience,
  beforeStop: () => Promise<void> = async () => {},
): Promise<void> {
  const { plane, fleet } = site;
  const member = await fleet.start(0);
  if (member === null) throw new Error("A worker is left that was ended");
  const said = (line: RegExp) =>
    eventually(
      () => line.exec(member.log()),
      () => `${line} in ${member.log()}`,
    );
  for (const line of CONNECTED) await said(line);
  const [, health = ""] = await said(/health is told address=(\S+)/);
  await idle(health, patience);
  await offerAllAgain(site, await plane.waitForLink(member.number, patience.settlesWithinMs), patience);
  await idle(health, patience);
  site.note({ kind: "settled" });
  await beforeStop();
  await within(fleet.end("SIGTERM"), "the last worker to exit", patience.stopsWithinMs);
}

async function offerAllAgain(site: SettlingSite, link: PlaneLink, patience: Patience): Promise<void> {
  const { plane, plan } = site;
  for (const [task, { executions }] of plan.tasks.entries()) {
    for (const [execution, { executionId }] of executions.entries()) {
      if (executionId !== null) plane.assign(link, site.assignment(task, execution));
    }
  }
  await plane.waitForFence(plane.fence(link), patience.settlesWithinMs);
}

/** Neither a task nor a message, says the worker itself; whether that is true is seen by what it leaves. */
async function idle(health: string, { settlesWithinMs }: Patience): Promise<void> {
  let last = "";
  await eventually(
    async () => {
      last = await (await fetch(`${health}/statusz`)).text();
      const { tasks, outbox } = JSON.parse(last);
      return tasks.length === 0 && outbox.messages === 0;
    },
    () => `the last worker to have nothing left to do: ${last}`,
    { timeoutMs: settlesWithinMs, intervalMs: 50 },
  );
}
