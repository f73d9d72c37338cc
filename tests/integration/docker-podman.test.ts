/** How containers of podman are stopped, of which it stops few at a time, and removed, which it does to one half made; and its errors. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { never } from "../../src/async/wait.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { FakeEngine, json, refuse } from "../support/fake-engine.ts";
import { within } from "../support/wait.ts";

let fake: FakeEngine;
let engine: Engine;

beforeEach(async () => {
  fake = await FakeEngine.start();
  fake.speakAsPodman("4.3.1");
  const state = { Status: "running", Running: true, ExitCode: 0 };
  fake.on("GET", "/containers/c/json", (response) =>
    json(response, { Id: "c", State: state, Config: { StopSignal: "3" } }),
  );
  fake.on("POST", "/containers/c/kill", (response) => response.writeHead(204).end());
  fake.on("POST", "/containers/c/wait", (response) => json(response, { StatusCode: 143 }));
  fake.on("POST", "/containers/c/stop", (response) => response.writeHead(204).end());
  engine = await Engine.connect(chooseEndpoint({ DOCKER_HOST: fake.host }), {}, never());
});

afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();
});

const stop = (seconds: number) => within(engine.containers.stop("c", seconds, never()), "the stop");
const asked = () =>
  fake.requests
    .filter(({ method }) => method === "POST")
    .map(({ path, query }) => `${path.replace("/containers/c/", "")} ${query}`.trim());

test("its stop signal is sent before podman is asked for a stop, which then has nothing to wait for", async () => {
  await stop(10);
  expect(asked()).toEqual(["kill signal=3", "wait", "stop t=0"]);
});

test("one that does not end is stopped when its grace is over", async () => {
  fake.on("POST", "/containers/c/wait", () => {});
  const startedAt = performance.now();
  await stop(1);
  expect(asked()).toEqual(["kill signal=3", "wait", "stop t=0"]);
  expect(performance.now() - startedAt).toBeGreaterThan(990);
});

test("without a grace it is stopped at once", async () => {
  await stop(0);
  expect(asked()).toEqual(["stop t=0"]);
});

test("where a signal is refused, the stop has the whole grace", async () => {
  fake.on("POST", "/containers/c/kill", refuse(403, "not for you"));
  await stop(10);
  expect(asked()).toEqual(["kill signal=3", "stop t=10"]);
});

// A worker was killed as podman made a container for it, and the next one removed it by its name: nothing was listed after that.
test("a container that podman does not show by its name is not removed, for it may be in the making", async () => {
  fake.on("GET", "/containers/c/json", refuse(404, "no such container"));
  await within(engine.containers.remove("c", never()), "the removal");
  expect(removals()).toEqual([]);
});

test("one that it shows, or is known by its id, or that it cannot tell of, is removed", async () => {
  fake.on("DELETE", /^\/containers\//, (response) => response.writeHead(204).end());
  await within(engine.containers.remove("c", never()), "the removal by name");
  await within(engine.containers.remove(ID, never()), "the removal by id");
  fake.on("GET", "/containers/c/json", refuse(500, "container not known"));
  await within(engine.containers.remove("c", never()), "the removal of what is broken");
  expect(removals()).toEqual(["/containers/c", `/containers/${ID}`, "/containers/c"]);
});

// A stranger pruned the volume, another task's container made podman make an empty one, and this task failed of it.
test("a volume that somebody made just before, which podman calls an error of its own, is given back", async () => {
  fake.on("POST", "/volumes/create", refuse(500, "volume with name v already exists: volume already exists"));
  let looks = 0;
  fake.on("GET", "/volumes/v", (response, request) => {
    if (++looks === 1) json(response, { Name: "v", Labels: null });
    else refuse(404, "no such volume")(response, request);
  });
  const create = () => engine.volumes.create({ name: "v", labels: { a: "b" } }, never());
  expect(await create()).toMatchObject({ name: "v", labels: {} });
  // It went again: somebody can make it then.
  await expect(create()).rejects.toMatchObject({ status: 409 });
});

const ID = "0123456789abcdef".repeat(4);
const removals = () => fake.requests.filter(({ method }) => method === "DELETE").map(({ path }) => path);
