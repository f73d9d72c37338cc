/** Containers that are asked for at once, of engines that stand it and of such as do not. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { never } from "../../src/async/wait.ts";
import type { ContainerBody } from "../../src/backends/docker/engine/container-body.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { FakeEngine, json } from "../support/fake-engine.ts";
import { within } from "../support/wait.ts";

let fake: FakeEngine;

beforeEach(async () => {
  fake = await FakeEngine.start();
});

afterEach(() => fake[Symbol.asyncDispose]());

const connect = () => Engine.connect(chooseEndpoint({ DOCKER_HOST: fake.host }), {}, never());

function podman(version: string): void {
  fake.speakAsPodman(version || "4.3.1");
  const about = { Version: version, ApiVersion: "1.41", MinAPIVersion: "1.24", Os: "linux", Arch: "amd64" };
  fake.on("GET", "/version", (response) => json(response, about));
}

/** A body that mounts these. */
function mounting(...sources: string[]): ContainerBody {
  return { Image: "i", HostConfig: { Binds: sources.map((source) => `${source}:/mnt/${source}:ro`) } };
}

/** Answers each creation only when told to, and tells how many wait. */
function holdCreations() {
  const waiting: (() => void)[] = [];
  let reached = Promise.withResolvers<void>();
  fake.on("POST", "/containers/create", (response) => {
    waiting.push(() => json(response, { Id: "c" }));
    reached.resolve();
  });
  const next = async () => {
    if (waiting.length === 0) await within(reached.promise, "a creation");
    reached = Promise.withResolvers();
    waiting.shift()?.();
  };
  return { waiting, next };
}

/** All of them are asked for before the first is answered. */
async function askedAtOnce(bodies: readonly ContainerBody[]): Promise<number> {
  await using engine = await connect();
  const { waiting, next } = holdCreations();
  const creating = Promise.all(
    bodies.map((body, index) => engine.containers.create(`c-${index}`, body, never())),
  );
  // A call of its own, by which whatever was on its way has come.
  for (let looks = 0; looks < 3; looks++) await engine.containers.find("c", never());
  const atOnce = waiting.length;
  for (const _ of bodies) await next();
  await within(creating, "all containers");
  return atOnce;
}

const SAME = [mounting("agent", "cache"), mounting("agent", "cache"), mounting("agent", "cache")];

describe("containers with the same volumes", () => {
  // Eight tasks with two sidecars began at once. Podman 4.3.1 answered nobody after that, and no other task ever ran.
  for (const version of ["4.3.1", "3.4.4", "4.4.1-rhel", ""]) {
    test(`are asked of podman ${version || "without a version"} one after the other`, async () => {
      podman(version);
      expect(await askedAtOnce(SAME)).toBe(1);
    });
  }

  test("are asked of a podman that stands it at once", async () => {
    podman("4.8.0");
    expect(await askedAtOnce(SAME)).toBe(3);
  });

  test("are asked of Docker at once", async () => {
    expect(await askedAtOnce(SAME)).toBe(3);
  });
});

describe("of a podman that hangs over volumes", () => {
  test("containers with one, or with the host's folders, are asked for at once", async () => {
    podman("4.3.1");
    const bodies = [mounting("agent"), mounting("agent", "/srv/cache"), { Image: "i" }];
    expect(await askedAtOnce(bodies)).toBe(3);
  });

  test("one that is refused does not hold up the next", async () => {
    podman("4.3.1");
    await using engine = await connect();
    let asked = 0;
    fake.on("POST", "/containers/create", (response) => {
      asked += 1;
      if (asked === 1) json(response, { message: "no such image" }, 404);
      else json(response, { Id: "c" });
    });
    const [body] = SAME as [ContainerBody];
    const creating = [1, 2].map((index) => engine.containers.create(`c-${index}`, body, never()));
    const ends = await within(Promise.allSettled(creating), "both ends");
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });
});
