/** An engine that takes calls and does not answer them, as podman does that waits for its own locks: who is told of it. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { never } from "../../src/async/wait.ts";
import { inspectDocker } from "../../src/backends/docker/create.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { FakeEngine, json, refuse } from "../support/fake-engine.ts";
import { within } from "../support/wait.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";
import { PLAIN_SETTINGS } from "./docker-rig.ts";

let fake: FakeEngine;

beforeEach(async () => {
  fake = await FakeEngine.start();
});

afterEach(async () => {
  jest.useRealTimers();
  await fake[Symbol.asyncDispose]();
});

test("each call that can be too late is watched, until its answer or until nobody waits for it", async () => {
  const told: string[] = [];
  const watch = {
    begin: (call: string, usualMs: number) => {
      told.push(`${call} ${usualMs}`);
      return { end: (answered: boolean) => void told.push(answered ? "answered" : "left") };
    },
  };
  const endpoint = chooseEndpoint({ DOCKER_HOST: fake.host });
  await using engine = await Engine.connect(endpoint, {}, never(), { watch });
  fake.on("GET", "/volumes/v", (response) => json(response, { message: "no such volume" }, 404));
  expect(await engine.volumes.inspect("v", never())).toBeNull();
  const silent = new AbortController();
  fake.on("POST", "/containers/create", () => silent.abort(new Error("enough")));
  const creating = engine.containers.create("c", { Image: "i" }, silent.signal);
  await expect(within(creating, "the creation")).rejects.toThrow("enough");
  expect(told).toEqual(["GET /volumes/v 30000", "answered", "POST /containers/create 60000", "left"]);
});

test("doctor's look at an engine that does not list its containers says that it hangs", async () => {
  jest.useFakeTimers();
  const asked = Promise.withResolvers<void>();
  fake.on("GET", "/containers/json", () => asked.resolve());
  const looking = inspectDocker(PLAIN_SETTINGS, {
    ...{ instanceId: "i", workerEnvironment: { DOCKER_HOST: fake.host }, mounts: "" },
    ...{ log: recordLog(), signal: never() },
  });
  const words = looking.catch((error: Error) => error.message);
  await asked.promise;
  jest.advanceTimersByTime(15_000);
  expect(await words).toMatch(
    /it says who it is, and does not list its containers: nothing came within 15 s; look at its log and restart it/,
  );
});

test("doctor's look at an engine behind a proxy that keeps the list for itself is no worse for it", async () => {
  fake.on("GET", "/containers/json", refuse(403, "not for you"));
  const environment = { DOCKER_HOST: fake.host };
  const about = { instanceId: "i", workerEnvironment: environment, mounts: "" };
  const told = await inspectDocker(PLAIN_SETTINGS, { ...about, log: recordLog(), signal: never() });
  expect(told).toStartWith("container engine at unix://");
});
