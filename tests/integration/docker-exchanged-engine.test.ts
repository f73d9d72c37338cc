/**
 * A host's engine is upgraded, or rolled back, while the worker runs. Docker 29 does not know what was agreed upon with
 * Docker 24 any more (1.43): the running task was reported as failed, its container left running, and each task that
 * followed was claimed and failed, until somebody restarted the worker.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import type { Engine } from "../../src/backends/docker/engine/engine.ts";
import { EngineError, EngineGone } from "../../src/backends/docker/engine/errors.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import type { RecordedLog } from "../unit/logging/recorded-log.ts";
import { DockerRig, runTask, signal } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
let log: RecordedLog;

beforeEach(async () => {
  rig = await DockerRig.start("1.43");
  fake = rig.fake;
  ({ backend, log } = await rig.backend("me"));
});

afterEach(async () => {
  await rig[Symbol.asyncDispose]();
});

async function exchange(api: string, oldestApi: string): Promise<void> {
  await fake.goAway();
  fake.http.speak(api, oldestApi);
  await fake.comeBack();
}

const asked = (path: string) => fake.http.requests.filter((request) => request.path === path).length;

describe("with an engine that was exchanged for", () => {
  test.each([
    ["a newer one", "1.52", "1.44"],
    ["an older one", "1.41", "1.12"],
  ])(
    "%s, a task that runs ends as its container does, and nothing of it stays",
    async (_name, api, oldest) => {
      const task = runTask(backend);
      const container = await fake.running();
      await fake.until(() => fake.listening === 1);
      await exchange(api, oldest);
      await within(
        fake.until(() => fake.listening === 1),
        "the worker to come back",
      );
      fake.end(container, 3);
      expect(await within(task.ended, "the task to end")).toMatchObject({ error: { exitCode: 3 } });
      expect(fake.containers.size).toBe(0);
      const told = log.lines.find(({ message }) => message.startsWith("container engine was exchanged"));
      expect(told?.fields).toEqual({ api, before: "1.43" });
    },
  );

  test("a newer one, the next task runs, and with what that one can do", async () => {
    await exchange("1.52", "1.44");
    const task = runTask(backend, { sidecarImage: "oz/agent" });
    const { body } = await within(fake.running(), "the next task");
    expect(body.HostConfig).toMatchObject({ Mounts: [{ Type: "image", Target: "/agent" }] });
    const [container] = fake.withRole("task");
    if (container !== undefined) fake.end(container, 0);
    expect(await within(task.ended, "the task to end")).toEqual({ kind: "completed" });
  });
});

describe("a refusal", () => {
  let engine: Engine;

  beforeEach(async () => {
    engine = await rig.engine();
  });

  test("of what was asked is not asked again in the same version", async () => {
    const before = asked("/_ping");
    fake.mishap("POST", /^\/containers\/create$/, { status: 400, words: "invalid mount path" });
    const making = engine.containers.create("c", { Image: "i" }, signal);
    await expect(making).rejects.toEqual(new EngineError(400, "invalid mount path"));
    expect([asked("/containers/create"), asked("/_ping") - before]).toEqual([1, 1]);
  });

  test("of the version to many calls at once has the engine asked for its own once", async () => {
    fake.http.speak("1.52", "1.44");
    const before = asked("/_ping");
    const looks = Array.from({ length: 20 }, () => engine.containers.find("nobody", signal));
    expect(await Promise.all(looks)).toEqual(Array.from({ length: 20 }, () => null));
    expect([asked("/_ping") - before, engine.api]).toEqual([1, "1.52"]);
  });

  test("by an engine that knows no version of the worker's stands, in its words", async () => {
    fake.http.speak("9.52", "9.44");
    await expect(engine.containers.find("c", signal)).rejects.toThrow("client version 1.43 is too old");
  });

  test("of an archive that is half read already counts as an answer that was lost", async () => {
    fake.http.speak("1.52", "1.44");
    async function* archive() {
      yield new Uint8Array(512);
    }
    await expect(engine.containers.putArchive("c", "/t", archive(), signal)).rejects.toBeInstanceOf(
      EngineGone,
    );
  });
});
