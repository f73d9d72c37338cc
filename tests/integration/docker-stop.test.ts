import { describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { Engine } from "../../src/backends/docker/engine/engine.ts";
import { EngineError, EngineGone } from "../../src/backends/docker/engine/errors.ts";
import { stopContainer } from "../../src/backends/docker/stop.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, signal } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let engine: Engine;
let container: StoredContainer;
let hurry: AbortController;
let told: string[];
const STOP = /\/stop$/;
const KILL = /\/kill$/;

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  engine = await rig.engine();
  container = fake.add("c", {});
  hurry = new AbortController();
  told = [];
});

const stop = (graceMs = 10_000) =>
  stopContainer(engine.containers, {
    id: container.id,
    graceMs,
    hurry: hurry.signal,
    onStuck: () => told.push("stuck"),
  });
const graces = () =>
  fake.http.requests.filter(({ path }) => STOP.test(path)).map(({ query }) => Number(query.get("t")));
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => "no failure",
    (error: unknown) => error,
  );

describe("a container that is to stop", () => {
  test("is told once, with its grace in the engine's whole seconds", async () => {
    await stop(1_500);
    expect([container.exitCode, graces()]).toEqual([143, [2]]);
  });

  test("may have ended, which is told, or be gone", async () => {
    fake.end(container, 0);
    expect(await stop()).toMatchObject({ id: container.id, exitCode: 0 });
    fake.drop(container);
    expect(await stop()).toBeNull();
    expect(graces()).toHaveLength(1);
  });

  test("has not ended before when it was the answer to its stop that was lost", async () => {
    fake.mishap("POST", STOP, "lost after");
    expect(await within(stop(), "the stop")).toBeNull();
    expect([container.exitCode, graces().length]).toEqual([143, 2]);
  });

  test("is stopped although nobody may look at it", async () => {
    fake.refuse("GET", /\/json$/, 403);
    expect(await stop()).toBeNull();
    expect(container.exitCode).toBe(143);
  });

  test("has what is left of its grace when the engine went away in between", async () => {
    jest.useFakeTimers();
    const tries = [fake.hold("POST", STOP), fake.hold("POST", STOP)];
    const stopping = stop(10_000);
    await tries[0]?.arrived;
    jest.advanceTimersByTime(4_000);
    tries[0]?.release("lost before");
    while (jest.getTimerCount() > 0 && graces().length < 2) {
      await turns(1);
      jest.advanceTimersByTime(100);
    }
    await tries[1]?.arrived;
    jest.useRealTimers();
    tries[1]?.release();
    await within(stopping, "the stop");
    expect(graces()[0]).toBe(10);
    expect(graces()[1]).toBeLessThanOrEqual(6);
  });

  test("is told again when the engine is back", async () => {
    await fake.goAway();
    const stopping = stop();
    await fake.comeBack();
    await within(stopping, "the stop");
    expect(container.exitCode).toBe(143);
  });

  test("is killed at once when there is no time at all", async () => {
    hurry.abort();
    await stop();
    expect([container.exitCode, graces()]).toEqual([137, []]);
  });

  test("is killed when time runs out during its grace", async () => {
    container.stubborn = true;
    const stopping = stop();
    await fake.http.seen("POST", STOP);
    hurry.abort();
    await within(stopping, "the kill");
    expect(container.exitCode).toBe(137);
  });

  test("is not said to be stopped when the engine is away and time runs out", async () => {
    await fake.goAway();
    const stopping = failureOf(stop());
    hurry.abort();
    expect(await within(stopping, "the end")).toBeInstanceOf(EngineGone);
  });

  // It was called stopped, and reported as such, while it ran on under an engine that hung.
  test("is not said to be stopped when the engine hangs and time runs out", async () => {
    const kill = fake.hold("POST", KILL);
    hurry.abort();
    jest.useFakeTimers();
    const stopping = failureOf(stop());
    await kill.arrived;
    jest.advanceTimersByTime(5_000);
    jest.useRealTimers();
    expect(await within(stopping, "the end")).toBeInstanceOf(EngineGone);
    expect(container.status).toBe("running");
  });

  test("is told of with the engine's words when that will not stop it", async () => {
    fake.mishap("POST", STOP, { status: 500, words: "permission denied" });
    const failure = await failureOf(stop());
    expect(failure).toBeInstanceOf(EngineError);
    expect(failure).toMatchObject({ message: "permission denied" });
    expect((await engine.containers.inspect(container.id, signal)).running).toBe(true);
  });

  test("is told of with the engine's words when that will not kill it either", async () => {
    fake.mishap("POST", KILL, { status: 500, words: "permission denied" });
    hurry.abort();
    const failure = await failureOf(stop());
    expect(failure).toBeInstanceOf(EngineError);
    expect(failure).toMatchObject({ message: "permission denied" });
  });

  // Podman says of both that they do not run, and refuses to kill a paused one: it passed for one that was killed.
  test.each(["stopping", "paused"])("is not said to be killed while it is %s", async (status) => {
    container.status = status;
    hurry.abort();
    expect(await failureOf(stop())).toBeInstanceOf(EngineError);
  });

  // A shim that was stopped let the engine's answer never come: nothing was said, and nothing more was tried.
  test("is killed, and the operator told, when the engine is stuck in its stop long after the grace", async () => {
    const stuck = fake.hold("POST", STOP);
    jest.useFakeTimers();
    const stopping = stop(10_000);
    await stuck.arrived;
    jest.advanceTimersByTime(24_000);
    await turns(1);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1_000);
    jest.useRealTimers();
    await within(stopping, "the kill");
    expect([container.exitCode, told]).toEqual([137, ["stuck"]]);
    stuck.release();
  });

  test("is waited for when its kill is stuck as well, and has the end that it comes to", async () => {
    const stuck = fake.hold("POST", STOP);
    const kill = fake.hold("POST", KILL);
    jest.useFakeTimers();
    const stopping = stop(10_000);
    await stuck.arrived;
    jest.advanceTimersByTime(25_000);
    jest.useRealTimers();
    await within(kill.arrived, "the kill");
    expect(await Promise.race([stopping, turns(50).then(() => "waiting")])).toBe("waiting");
    stuck.release();
    await within(stopping, "the stop");
    expect([container.exitCode, told]).toEqual([143, ["stuck"]]);
    kill.release();
  });
});
