/** How a worker starts that runs in a container of the very engine that it uses. */
import { expect, jest, test } from "bun:test";
import { readOwner } from "../../src/backends/docker/ownership/owner.ts";
import { BackendUnusable } from "../../src/task/backend.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let own: string;
const INSPECT = /^\/containers\/\w{64}\/json$/;

eachTestHasRig((given) => {
  rig = given;
  fake = rig.fake;
  own = fake.add("worker", {}).id;
});

const start = (stop?: AbortSignal) => {
  const mounts = `612 593 8:1 /var/lib/docker/containers/${own}/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n`;
  return rig.backend("me", { mounts, ...(stop === undefined ? {} : { stop }) });
};
const failureOf = (starting: Promise<unknown>): Promise<unknown> =>
  within(
    starting.then(
      () => null,
      (error: unknown) => error,
    ),
    "the start to fail",
  );

test("it says on what it makes in which container it is", async () => {
  const { backend } = await start();
  const task = runTask(backend);
  const container = await fake.running();
  expect(readOwner("me", container.labels["oz-owner"])?.containerId).toBe(own);
  fake.end(container, 0);
  await task.ended;
});

// It ended with "Error: Time is up", or the engine's words alone, as if by a mistake of its own.
test("an engine that refuses to tell of its container is an error with the endpoint and what to try", async () => {
  fake.refuse("GET", INSPECT, 403);
  const failure = await failureOf(start());
  expect(failure).toBeInstanceOf(BackendUnusable);
  expect(String(failure)).toMatch(
    /^BackendUnusable: Cannot use the container engine at unix:\S+ \(DOCKER_HOST\): it does not tell of the container \w{12}, .*: \S+ operation not permitted; try "docker inspect \w{12}"/,
  );
});

test("so is one that hangs over it", async () => {
  jest.useFakeTimers();
  const inspect = fake.hold("GET", INSPECT);
  const starting = start().catch((error: unknown) => error);
  await inspect.arrived;
  jest.advanceTimersByTime(30_000);
  jest.useRealTimers();
  const failure = await within(starting, "the start to fail");
  expect(failure).toBeInstanceOf(BackendUnusable);
  expect(String(failure)).toContain(": no answer within 30 s; try ");
});

test("a stop meanwhile is heeded as such", async () => {
  const stop = new AbortController();
  const inspect = fake.hold("GET", INSPECT);
  const starting = start(stop.signal).catch((error: unknown) => error);
  await inspect.arrived;
  stop.abort("asked to stop");
  expect(await within(starting, "the start to end")).toBe("asked to stop");
});
