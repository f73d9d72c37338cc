/** What a configuration wants of the engine and the engine does not have is told at the start, and not by each task. */
import { describe, expect, jest, test } from "bun:test";
import type { DockerSettings } from "../../src/config/settings.ts";
import { BackendUnusable } from "../../src/task/backend.ts";
import { cut, json, refuse } from "../support/fake-engine.ts";
import { type DockerRig, eachTestHasRig } from "./docker-rig.ts";

let rig: DockerRig;

eachTestHasRig(async (made) => {
  rig = made;
});

function withRuntimes(...names: readonly string[]): void {
  const Runtimes = Object.fromEntries(names.map((name) => [name, { path: name }]));
  rig.fake.http.on("GET", "/info", (response) => json(response, { Runtimes }));
}

function podmanWith(info: object): void {
  rig.fake.http.speakAsPodman("5.8.0");
  rig.fake.http.on("GET", "/info", (response) => json(response, info));
}

/** The words with which the backend refuses to start; null: it starts. */
async function refusalOf(settings: Partial<DockerSettings>): Promise<string | null> {
  try {
    await rig.backend("me", { settings });
    return null;
  } catch (error) {
    if (error instanceof BackendUnusable) return error.message;
    throw error;
  }
}

function running(runtime: string): Partial<DockerSettings> {
  return { security: { noNewPrivileges: false, pidsLimit: null, capDrop: [], runtime } };
}

describe("a network", () => {
  test("that the engine does not have is refused, and how to make it is said", async () => {
    rig.fake.http.on("GET", "/networks/agents", refuse(404, "network agents not found"));
    expect(await refusalOf({ network: "agents" })).toMatch(
      /^The container engine at unix:.* has no network "agents" \(network in the config file\): make it with "docker network create agents" there, or correct the name$/,
    );
  });

  test("that it has is taken", async () => {
    rig.fake.http.on("GET", "/networks/agents", (response) => json(response, { Name: "agents" }));
    expect(await refusalOf({ network: "agents" })).toBeNull();
  });

  test("that a proxy lets nobody ask for is left to the engine", async () => {
    rig.fake.http.on("GET", "/networks/agents", refuse(403, "Forbidden"));
    expect(await refusalOf({ network: "agents" })).toBeNull();
    rig.fake.http.on("GET", "/networks/agents", (response) =>
      response.writeHead(404).end("<html>no page</html>"),
    );
    expect(await refusalOf({ network: "agents" })).toBeNull();
  });

  test.each(["default", "bridge", "host", "none"])(
    "called %s is a word of the engine's, and not looked for",
    async (network) => {
      rig.fake.http.on("GET", /^\/networks\//, refuse(404, "not found"));
      expect(await refusalOf({ network })).toBeNull();
    },
  );
});

describe("a runtime", () => {
  test("that the engine does not have is refused, and those that it has are named", async () => {
    withRuntimes("io.containerd.runc.v2", "runc");
    expect(await refusalOf(running("runsc"))).toMatch(
      /^The container engine at unix:.* has no runtime "runsc" \(security\.runtime in the config file\), but io\.containerd\.runc\.v2, runc: /,
    );
  });

  test("that it has is taken", async () => {
    withRuntimes("runc", "runsc");
    expect(await refusalOf(running("runsc"))).toBeNull();
  });

  test("that is a shim's name is left to containerd, which finds it by itself", async () => {
    withRuntimes("runc");
    expect(await refusalOf(running("io.containerd.runsc.v1"))).toBeNull();
  });

  test("of an engine that tells of none is left to it", async () => {
    withRuntimes();
    expect(await refusalOf(running("runsc"))).toBeNull();
    rig.fake.http.on("GET", "/info", refuse(403, "Forbidden"));
    expect(await refusalOf(running("runsc"))).toBeNull();
  });
});

// Docker made no container, for any task that said nothing of its shape.
describe("processors for tasks whose shape names none", () => {
  const limits = (vcpus: number) => ({ defaultLimits: { vcpus, memoryGb: 0 } });

  test.each([
    [2.5, /^The container engine at unix:.* has 2 processors and makes no container with 2\.5 \(default_/],
    [2, null],
    [0, null],
  ] as const)("that the engine does not have are refused: %d of 2", async (vcpus, says) => {
    rig.fake.http.on("GET", "/info", (response) => json(response, { NCPU: 2 }));
    const refusal = await refusalOf(limits(vcpus));
    if (says === null) expect(refusal).toBeNull();
    else expect(refusal).toMatch(says);
  });

  test("are left to an engine that does not tell, and to Podman", async () => {
    rig.fake.http.on("GET", "/info", refuse(403, "Forbidden"));
    expect(await refusalOf(limits(64))).toBeNull();
    podmanWith({ NCPU: 2 });
    expect(await refusalOf(limits(64))).toBeNull();
  });
});

// It ran such tasks, without a word, in its default runtime: what was to be isolated was not.
describe("a runtime of Podman, which heeds none that it is asked for,", () => {
  test.each(["kata", "io.containerd.runsc.v1"])(
    "is refused where its own is another: %s",
    async (runtime) => {
      podmanWith({ DefaultRuntime: "crun", Runtimes: { crun: {}, [runtime]: {} } });
      expect(await refusalOf(running(runtime))).toMatch(
        new RegExp(
          `^The container engine at unix:.* is Podman, .* and has crun for that, not "${runtime}" .*: set runtime = "${runtime}" below \\[engine\\] in its containers\\.conf`,
        ),
      );
    },
  );

  test("is taken where it is its own", async () => {
    podmanWith({ DefaultRuntime: "kata" });
    expect(await refusalOf(running("kata"))).toBeNull();
  });

  test("is refused where it does not tell its own", async () => {
    podmanWith({});
    expect(await refusalOf(running("kata"))).toMatch(
      / is Podman, .* and does not tell its own for that, not "kata"/,
    );
    rig.fake.http.on("GET", "/info", refuse(403, "Forbidden"));
    expect(await refusalOf(running("kata"))).toMatch(/ is Podman, .* and does not tell its own for that/);
  });
});

describe("an engine that does not answer such a question", () => {
  const questions = [
    ["a network", "/networks/agents", "docker network inspect agents", { network: "agents" }],
    ["a runtime", "/info", "docker info", running("runsc")],
  ] as const;

  // Once "no answer within 30 s" was all that was said.
  test.each(questions)(
    "to the end is of no use, and that is said: %s",
    async (_of, path, command, settings) => {
      rig.fake.http.on("GET", path, (response) => cut(response));
      expect(await refusalOf(settings)).toMatch(
        new RegExp(
          `^Cannot use the container engine at unix:.* \\(DOCKER_HOST\\): it does not tell of the .* of the config file: .*GET ${path}: .*; try "${command}" there`,
        ),
      );
    },
  );

  test.each(questions)("at all has 30 s: %s", async (_of, path, _command, settings) => {
    rig.fake.http.on("GET", path, () => {});
    jest.useFakeTimers();
    const refusal = refusalOf(settings);
    await rig.fake.http.seen("GET", path);
    jest.advanceTimersByTime(30_000);
    expect(await refusal).toMatch(/^Cannot use the container engine at .*: no answer within 30 s; try /);
  });

  test.each(questions)("does not hold up a stop: %s", async (_of, path, _command, settings) => {
    rig.fake.http.on("GET", path, () => {});
    const stop = new AbortController();
    const begun = rig.backend("me", { settings, stop: stop.signal });
    await rig.fake.http.seen("GET", path);
    stop.abort();
    await expect(begun).rejects.toBe(stop.signal.reason);
  });
});

test("without either nothing more is asked of the engine", async () => {
  expect(await refusalOf({})).toBeNull();
  const asked = rig.fake.http.requests.map(({ path }) => path);
  expect(asked.filter((path) => path === "/info" || path.startsWith("/networks"))).toEqual([]);
});
