/**
 * Containers that may run although their tasks have ended: of one that was cancelled the engine refuses the stop
 * (AppArmor in its way, a proxy's rules), of another it tells nothing any more.
 */
import { describe, expect, test } from "bun:test";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

/** `before`: what happens to the container before the engine refuses. Resolves with the warnings. */
async function cancel(
  cleanup: boolean,
  before: (container: StoredContainer) => void = () => {},
): Promise<readonly string[]> {
  const { backend } = await rig.backend("me", { cleanup });
  const task = runTask(backend);
  const container = await fake.running();
  await fake.until(() => fake.listening === 1);
  const stop = fake.hold("POST", /\/stop$/);
  task.stop("cancelled");
  await stop.arrived;
  before(container);
  stop.release({ status: 500, words: "permission denied" });
  expect(await within(task.ended, "the task to end")).toMatchObject({ error: { why: "cancelled" } });
  return task.log.said("warn");
}

const REFUSED = "engine refuses to stop the container: removing it, for it may run";

describe("a container that the engine refuses to stop", () => {
  test("goes, and the operator is told", async () => {
    expect(await cancel(true)).toEqual([REFUSED]);
    expect(fake.containers.size).toBe(0);
  });

  // It was renamed as one that had ended, without a word, and its agent went on.
  test("goes also where what has ended is to stay", async () => {
    expect(await cancel(false)).toEqual([REFUSED]);
    expect(fake.containers.size).toBe(0);
  });

  test("and that has ended by itself stays there", async () => {
    const end = (container: StoredContainer) => void Object.assign(container, { status: "exited" });
    expect(await cancel(false, end)).toEqual([]);
    expect([...fake.containers.values()]).toMatchObject([{ name: expect.stringMatching(/-ended$/) }]);
  });

  test("and of which it does not tell whether it runs goes as well", async () => {
    const hide = () => void fake.refuse("GET", /^\/containers\/\w+\/json$/, 403);
    expect(await cancel(false, hide)).toEqual([REFUSED]);
    expect(fake.containers.size).toBe(0);
  });
});

// The same: it was renamed as one that had ended, and its agent went on after its task was told of as failed.
test("a container that runs, and of which the engine tells nothing any more, goes also where what has ended is to stay", async () => {
  const { backend } = await rig.backend("me", { cleanup: false });
  const task = runTask(backend);
  const { id } = await fake.running();
  await fake.until(() => fake.listening === 1);
  fake.refuse("GET", /^\/containers\/\w+\/json$/, 403);
  fake.tell("oom", id);
  expect(await within(task.ended, "the task to end")).toMatchObject({ error: { reason: "container_wait" } });
  expect(task.log.said("warn")).toEqual([
    "engine does not tell of the container: removing it, for it may run",
  ]);
  expect(fake.containers.size).toBe(0);
});

// A page, or nothing at all with status 200, passed for the engine's word: the task was told of as cancelled, and its
// agent went on.
test("a container is stopped and removed although a proxy has said so before the engine was asked", async () => {
  const { backend } = await rig.backend("me");
  const task = runTask(backend);
  const container = await fake.running();
  const past = [fake.refuse("POST", /\/stop$/, 200), fake.refuse("DELETE", /^\/containers\//, 200)];
  const asked = (method: string) => fake.http.requests.filter((one) => one.method === method).length;
  const [stops, removals] = [asked("POST"), asked("DELETE")];
  task.stop("cancelled");
  await fake.until(() => asked("POST") > stops + 1);
  past[0]?.();
  await fake.until(() => asked("DELETE") > removals + 1);
  expect([container.exitCode, fake.containers.size]).toEqual([143, 1]);
  past[1]?.();
  expect(await within(task.ended, "the task to end")).toMatchObject({ error: { why: "cancelled" } });
  expect([fake.containers.size, task.log.said("warn")]).toEqual([0, []]);
});

// Such a proxy's word was never taken, and the task waited without end.
test("a container that was stopped and removed is so although a proxy brings the engine's word as a page of its own", async () => {
  const { backend } = await rig.backend("me");
  const task = runTask(backend);
  await fake.running();
  fake.mishap("POST", /\/stop$/, { instead: "<html>OK</html>" });
  fake.mishap("DELETE", /^\/containers\//, { instead: "" });
  task.stop("cancelled");
  expect(await within(task.ended, "the task to end")).toMatchObject({ error: { why: "cancelled" } });
  const asked = fake.http.requests.filter(
    ({ method, path }) => path.endsWith("/stop") || (method === "DELETE" && path.startsWith("/containers/")),
  );
  expect([asked.length, fake.containers.size, task.log.said("warn")]).toEqual([2, 0, []]);
});
