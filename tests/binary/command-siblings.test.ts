/**
 * Several workers of one id on one host, to which the control plane gives the same execution: it lost sight of the first, and
 * gives it to a second one. An engine that was given both would do the work twice.
 */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY, type WorkerProcess } from "../support/worker-process.ts";

/** Each says its number, and ends with the status that it is told. */
const NUMBERED =
  'n=$(($(wc -l <"$NOTES/begun" || echo 0) + 1)); echo "$n" >>"$NOTES/begun"; until [ -s "$NOTES/go-$n" ]; do sleep 0.02; done; exit "$(cat "$NOTES/go-$n")"';
const STILL_RUNNING = "another execution of this task is still running";

async function rig() {
  const stack = new AsyncDisposableStack();
  const site = stack.use(await CommandSite.create());
  // Of the second worker alone.
  const other = stack.adopt(await ControlPlane.start({ apiKey: TEST_API_KEY }), (plane) => plane.stop());
  await Bun.write(`${site.notes}/begun`, "");
  const start = async (plane: ControlPlane) =>
    stack.use(await site.start({ dispatch: NUMBERED, ...{ plane } }));
  const first = await start(site.plane);
  const second = await start(other);
  const saidBy = (plane: ControlPlane, type: string) => plane.frames.filter((frame) => frame.type === type);
  return {
    ...{ site, other, first, second, start },
    begun: () => site.note("begun").split("\n").length - 1,
    waitForBegun: (count: number) => site.waitForNote("begun", `${count}\n`),
    end: (dispatch: number, status: number) => Bun.write(`${site.notes}/go-${dispatch}`, String(status)),
    /** Told only what is sent by hand, so that it is not offered again when it is turned down. */
    async rejected(task: Assignment) {
      const before = saidBy(other, "task_rejected").length;
      other.faults.send("task_assignment", task);
      const frame = await eventually(() => saidBy(other, "task_rejected")[before], "the rejection");
      expect([frame.data["reason"], saidBy(other, "task_claimed")]).toEqual([STILL_RUNNING, []]);
    },
    async claimedAgain(plane: ControlPlane, task: Assignment) {
      const before = saidBy(plane, "task_claimed").length;
      plane.faults.send("task_assignment", task);
      await eventually(() => saidBy(plane, "task_claimed").length > before, "the claim again");
    },
    terminals: (plane: ControlPlane, { task_id }: Assignment) =>
      plane.terminalsOf(task_id).map(({ data }) => data),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

const handedOff = (worker: WorkerProcess) => worker.waitForLog(/task ended .*handed-off/);

// It was dispatched by both.
test("an execution that one dispatches, or has dispatched, is turned down by the other, whatever becomes of the first", async () => {
  await using at = await rig();
  const task = assignment();
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  await at.rejected(task);
  await at.rejected({ ...task, execution_id: "another" });
  await at.end(1, 0);
  await handedOff(at.first);
  await at.rejected(task);
  await at.claimedAgain(at.site.plane, task);
  await at.first.stop();
  await at.rejected(task);
  await at.start(at.site.plane);
  await at.rejected(task);
  await at.claimedAgain(at.site.plane, task);
  expect(at.begun()).toBe(1);
  // Another execution is another matter, now that the first is dispatched.
  at.other.submit({ ...task, execution_id: "another" });
  await at.waitForBegun(2);
  await at.end(2, 0);
  await handedOff(at.second);
});

test("one without an execution id is turned down while the other dispatches it, and is a new one after that", async () => {
  await using at = await rig();
  const task = assignment({ executionId: null });
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  await at.rejected(task);
  await at.end(1, 0);
  await handedOff(at.first);
  at.other.submit(task);
  await at.waitForBegun(2);
  await at.end(2, 0);
  await handedOff(at.second);
});

test("one that failed is turned down until that was read, and then dispatched by whom it is given to", async () => {
  await using at = await rig();
  const task = assignment();
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  at.site.plane.faults.freeze();
  await at.end(1, 5);
  await at.first.waitForLog(/task failed/);
  await at.rejected(task);
  at.site.plane.faults.drop();
  expect((await at.site.plane.waitForTask(task.task_id)).exitCode).toBe(5);
  const claims = () =>
    readdirSync(at.site.dir.join("state/bar/claims")).filter((name) => !name.includes("+"));
  await eventually(() => claims().length === 0, "the claim to be let go of");
  at.other.submit(task);
  await at.waitForBegun(2);
  await at.end(2, 6);
  expect((await at.other.waitForTask(task.task_id)).exitCode).toBe(6);
});

// The second one dispatched it beside the first one's, which goes on without its worker.
test("one whose worker was killed is turned down while its dispatch goes on, and is then begun anew", async () => {
  await using at = await rig();
  const task = assignment();
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  await killHard(at.first);
  await at.rejected(task);
  await at.end(1, 5);
  const exits = () => readdirSync(at.site.dir.join("state/bar/exits"));
  await eventually(() => exits().length === 1, "the status of the first");
  at.other.submit(task);
  await at.waitForBegun(2);
  // The first one's failure is not told: it would be taken for the end of what the second one dispatches.
  const heir = await at.start(at.site.plane);
  await heir.waitForLog(/another worker on this host has the task/);
  await heir.waitForLog(/task ended .*left/);
  await at.end(2, 0);
  await handedOff(at.second);
  expect([at.terminals(at.site.plane, task), at.terminals(at.other, task)]).toEqual([[], []]);
});

// The second one's row took the place of the heir's, which had it as dispatched: it was told as failed, and safe to retry.
test("one that is with the engine is not told as failed because a worker that was killed had begun it once more", async () => {
  await using at = await rig();
  const task = assignment();
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  await killHard(at.first);
  await at.end(1, 0);
  const exits = () => readdirSync(at.site.dir.join("state/bar/exits"));
  await eventually(() => exits().length === 1, "the status of the first");
  // Nobody is there yet who knows of it.
  at.other.submit(task);
  await at.waitForBegun(2);
  const heir = await at.start(at.site.plane);
  await handedOff(heir);
  await killHard(at.second);
  await heir.stop();
  await at.end(2, 5);
  const last = await at.start(at.site.plane);
  await last.waitForLog(/another worker on this host has the task/);
  await handedOff(last);
  await at.claimedAgain(at.site.plane, task);
  expect([at.terminals(at.site.plane, task), at.terminals(at.other, task)]).toEqual([[], []]);
});

// It was told of as claimed when it was offered again, and nobody ever dispatched it; a cancellation was passed on to an engine
// that did not have it.
test("one that was not dispatched before another execution of its task is, when it is offered again", async () => {
  await using at = await rig();
  const task = assignment();
  at.site.plane.submit(task);
  await at.waitForBegun(1);
  await killHard(at.first);
  await at.end(1, 5);
  const exits = () => readdirSync(at.site.dir.join("state/bar/exits"));
  await eventually(() => exits().length === 1, "the status of the first");
  const another = { ...task, execution_id: "another" };
  at.other.submit(another);
  await at.waitForBegun(2);
  const heir = await at.start(at.site.plane);
  await heir.waitForLog(/task ended .*left/);
  at.site.plane.faults.send("task_cancellation", { task_id: task.task_id });
  await heir.waitForLog(/cancellation for a task that does not run here/);
  await at.end(2, 0);
  await handedOff(at.second);
  at.site.plane.faults.send("task_assignment", task);
  await at.waitForBegun(3);
  await at.end(3, 0);
  await handedOff(heir);
  expect(at.site.cancellations).toEqual([]);
});
