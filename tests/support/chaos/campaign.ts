/** Carries a plan out against the compiled worker, lets things settle, and tells what happened. */
import { eventually, within } from "../wait.ts";
import { CONNECTED } from "../worker-process.ts";
import type { History } from "./history.ts";
import { perform } from "./perform.ts";
import type { Plan } from "./plan.ts";
import type { PlaneLink } from "./recording-plane.ts";
import { ChaosSite } from "./site.ts";

export interface CampaignResult {
  readonly history: History;
  /** Of all workers. */
  readonly logs: string;
}

/** Longer than what is left of any task, with all its grace. */
const SETTLES_WITHIN_MS = 30_000;
const STOPS_WITHIN_MS = 25_000;

export async function runCampaign(plan: Plan): Promise<CampaignResult> {
  await using site = await ChaosSite.open(plan);
  for (let seat = 0; seat < plan.seats; seat++) await site.fleet.start(seat);
  const begunAt = performance.now();
  for (const { atMs, action } of plan.steps) {
    await until(begunAt + atMs);
    await perform(action, site);
  }
  await heal(site);
  await settle(site);
  await within(site.fleet.end("SIGTERM"), "the last worker to exit", STOPS_WITHIN_MS);
  return { history: await site.history(), logs: site.fleet.logs() };
}

/** Everything works again, and all workers go: what they leave is the next one's. */
async function heal(site: ChaosSite): Promise<void> {
  const { plane, fleet, disk, plan } = site;
  site.killAt = null;
  plane.cutAt(null);
  plane.refuseWith(null);
  plane.delayBy(0);
  plane.cutFrozen();
  await plane.up();
  disk?.free();
  fleet.wake();
  site.note({ kind: "healed" });
  await within(fleet.end(plan.atLast), "all workers to exit", STOPS_WITHIN_MS);
}

/** One worker takes everything over, is given everything once more, and ends it. */
async function settle(site: ChaosSite): Promise<void> {
  const member = await site.fleet.start(0);
  if (member === null) throw new Error("A worker is left that was ended");
  const said = (line: RegExp) =>
    eventually(
      () => line.exec(member.log()),
      () => `${line} in ${member.log()}`,
    );
  for (const line of CONNECTED) await said(line);
  const [, health = ""] = await said(/health is told address=(\S+)/);
  await idle(health);
  await offerAllAgain(site, await site.plane.waitForLink(member.number, SETTLES_WITHIN_MS));
  await idle(health);
  site.note({ kind: "settled" });
}

async function offerAllAgain(site: ChaosSite, link: PlaneLink): Promise<void> {
  const { plane, plan } = site;
  for (const [task, { executions }] of plan.tasks.entries()) {
    for (const [execution, { executionId }] of executions.entries()) {
      if (executionId !== null) plane.assign(link, site.assignment(task, execution));
    }
  }
  await plane.waitForFence(plane.fence(link), SETTLES_WITHIN_MS);
}

/** Neither a task nor a message, says the worker itself; whether that is true is seen by what it leaves. */
async function idle(health: string): Promise<void> {
  let last = "";
  await eventually(
    async () => {
      last = await (await fetch(`${health}/statusz`)).text();
      const { tasks, outbox } = JSON.parse(last);
      return tasks.length === 0 && outbox.messages === 0;
    },
    () => `the last worker to have nothing left to do: ${last}`,
    { timeoutMs: SETTLES_WITHIN_MS, intervalMs: 50 },
  );
}

async function until(moment: number): Promise<void> {
  const ms = moment - performance.now();
  // waits: when a fault comes is what is tried, and nothing tells that it is time for one
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
