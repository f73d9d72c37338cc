/** What the engine has refused to let go of when its task ended, and is asked for again. */
import { describe, expect, jest, test } from "bun:test";
import type { RunContext } from "../../src/task/backend.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, deadOwner, eachTestHasRig, runTask, signal, taskLabelsOf } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

const step: RunContext["step"] = (_name, work) => work();
const isEmpty = () => fake.containers.size === 0 && fake.volumesWithRole("ended").length === 0;

/** Two containers of ended tasks, which the engine would remove by now. */
async function twoRefused() {
  const { disposal, log } = await rig.worker("worker");
  const allow = fake.refuse("DELETE", /^\/containers\//);
  const made = ["first", "second"].map((name) => fake.add(name, taskLabelsOf(deadOwner("dead"), name)));
  for (const { name, id } of made) {
    await disposal.dispose({ container: name, id, keep: false }, { log, step }, () => {});
  }
  allow();
  const [first] = made;
  if (first === undefined) throw new Error("none was made");
  return { disposal, log, first };
}

describe("a container that was not removed", () => {
  // The alert for cleanups that fail looked at other backends' alone.
  test("is a failed cleanup of its task, which ends all the same", async () => {
    const { backend } = await rig.backend("me");
    const allow = fake.refuse("DELETE", /^\/containers\//);
    const task = runTask(backend);
    fake.end(await within(fake.running(), "the task"), 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect(task.failedSteps).toEqual(["cleanup"]);
    allow();
    const next = runTask(backend, { taskId: "t-2" });
    fake.end(await within(fake.running(), "the next task"), 0);
    expect(await within(next.ended, "its end")).toEqual({ kind: "completed" });
    expect(next.failedSteps).toEqual([]);
  });

  test("does not keep the others from their turn when the engine hangs over it", async () => {
    const { disposal, first } = await twoRefused();
    const hanging = fake.hold("DELETE", new RegExp(`^/containers/${first.id}$`));
    jest.useFakeTimers();
    const turn = disposal.tryAgain(signal).catch(() => "given up");
    await hanging.arrived;
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(turn, "the turn to end")).toBe("given up");
    expect(fake.containers.size).toBe(2);
    const again = fake.hold("DELETE", new RegExp(`^/containers/${first.id}$`));
    const next = disposal.tryAgain(signal);
    await within(again.arrived, "the first one's next turn");
    expect([...fake.containers.values()]).toEqual([first]);
    again.release();
    await next;
    expect(isEmpty()).toBe(true);
    hanging.release();
  });

  test("keeps the others from nothing when the engine refuses it, and is tried no more once it is gone", async () => {
    const { disposal, log, first } = await twoRefused();
    const refusing = fake.refuse("DELETE", new RegExp(`^/containers/${first.id}$`));
    await disposal.tryAgain(signal);
    expect([...fake.containers.values()]).toEqual([first]);
    refusing();
    await disposal.tryAgain(signal);
    expect(isEmpty()).toBe(true);
    await disposal.tryAgain(signal);
    expect(log.said("info")).toEqual(
      Array(2).fill("what could not be removed when the task ended is cleared away"),
    );
  });

  // Of one whose creation was not answered. Its mark gives it another name, under which nobody would look for it.
  test("goes at the next turn although only its name was known", async () => {
    const { disposal, log } = await rig.worker("worker");
    const allow = fake.refuse("DELETE", /^\/containers\//);
    const { name } = fake.add("unanswered", taskLabelsOf(deadOwner("dead"), "t-1"));
    await disposal.dispose({ container: name, id: "", keep: false }, { log, step }, () => {});
    expect(fake.find(name)).toBeUndefined();
    allow();
    await disposal.tryAgain(signal);
    expect(isEmpty()).toBe(true);
  });
});
