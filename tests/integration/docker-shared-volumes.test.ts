import { describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { LocalImage } from "../../src/backends/docker/images/puller.ts";
import { parseReference } from "../../src/backends/docker/images/reference.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import { describeSelf, type Owner } from "../../src/backends/docker/ownership/owner.ts";
import { persist } from "../../src/backends/docker/persist.ts";
import { Refusals } from "../../src/backends/docker/refusals.ts";
import { collectGarbage } from "../../src/backends/docker/sidecars/garbage.ts";
import { volumeNameOf } from "../../src/backends/docker/sidecars/volume-name.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, deadOwner, eachTestHasRig, labelsOf, runTask, signal } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
const digest = `sha256:${"a".repeat(64)}`;
const image: LocalImage = {
  id: digest,
  reference: parseReference("oz/agent"),
  repoDigest: `oz/agent@${digest}`,
};
const NAME = volumeNameOf(image);
const MARK = `${NAME}.complete`;
const ARCHIVE = /\/archive$/;
const dead = deadOwner("dead");

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

const ensuring = (worker: Awaited<ReturnType<typeof rig.worker>>, stop = signal) =>
  worker.shared.ensure(image, stop);
const sidecarLabels = (filling: string) => ({
  ...labelsOf(dead),
  [LABELS.role]: "sidecar",
  [LABELS.filling]: filling,
});

/** It is one whole filling, which its mark names, and nobody works on it any more. */
function expectWhole(): void {
  const volume = fake.volumes.get(NAME);
  expect(volume?.files).toMatch(/^files of [^ ]*$/);
  expect(fake.volumes.get(MARK)?.labels[LABELS.filling]).toBe(volume?.labels[LABELS.filling] ?? "");
  expect(fake.containers.size).toBe(0);
}

describe("a shared volume", () => {
  test("is filled once for all who ask at the same time, in one process and in four", async () => {
    const workers = await Promise.all(["a", "b", "c", "d"].map((name) => rig.worker(name)));
    const asking = workers.flatMap((worker) => Array.from({ length: 8 }, () => ensuring(worker)));
    const volumes = await within(Promise.all(asking), "the volume");
    expect(fake.fillings).toEqual([NAME]);
    expect(new Set(volumes.map((volume) => volume?.filling)).size).toBe(1);
    expectWhole();
  });

  test.each([
    ["the volume was made", () => void fake.addVolume(NAME, sidecarLabels("1"))],
    ["it was filled in part", () => void fake.addVolume(NAME, sidecarLabels("1"), "half of the fi")],
    [
      "an earlier one was marked",
      () => {
        fake.addVolume(NAME, sidecarLabels("2"), "half of the fi");
        fake.addVolume(MARK, { ...sidecarLabels("1"), [LABELS.role]: "sidecar-complete" });
      },
    ],
    ["the volume was removed and its mark not", () => void fake.addVolume(MARK, sidecarLabels("1"))],
    [
      "its fillers were at work",
      () => {
        fake.addVolume(NAME, sidecarLabels("1"), "half of the fi");
        fake.add("f", { ...labelsOf(dead), "oz-role": "filler", "oz-fills": NAME }, "created", [
          `${NAME}:/x`,
        ]);
        fake.add(`oz-worker-fills-${NAME}`, { ...labelsOf(dead), "oz-role": "lock" }, "created");
      },
    ],
    ["somebody else made one of that name", () => void fake.addVolume(NAME, {}, "who knows what")],
  ])("is made anew after a crash when %s", async (_, crash) => {
    crash();
    expect(await within(ensuring(await rig.worker("me")), "the volume")).not.toBeNull();
    expectWhole();
  });

  // Podman removed the copy of a task that was about to begin, or refused: "more than one result for volume name".
  test.each([["one copy"], ["one copy", "another"]])(
    "is filled where the engine takes the beginning of a volume's name for it, and tasks have %s",
    async (...copies) => {
      fake.takesBeginnings = true;
      for (const copy of copies) fake.addVolume(`${NAME}-${copy}`, {}, "what a task has written");
      expect(await within(ensuring(await rig.worker("me")), "the volume")).not.toBeNull();
      expectWhole();
      expect(fake.volumes.size).toBe(2 + copies.length);
    },
  );

  test("is left alone while containers use one that cannot be trusted", async () => {
    fake.addVolume(NAME, {}, "who knows what");
    fake.add("user", {}, "running", [`${NAME}:/agent`]);
    expect(await ensuring(await rig.worker("me"))).toBeNull();
    expect(fake.volumes.get(NAME)?.files).toBe("who knows what");
    expect(fake.withRole("lock")).toEqual([]);
  });

  const stranger: Owner = { ...describeSelf("stranger", ""), bootId: "another", machineId: "another" };
  const locked = (minutes: number, owner: Owner) => {
    const lock = fake.add(`oz-worker-fills-${NAME}`, { ...labelsOf(owner), "oz-role": "lock" }, "created");
    lock.createdAt -= minutes * 60;
    return lock;
  };

  // A worker on another host died while it filled the volume: no task with that sidecar ever began again.
  test("is given up when somebody of whom nothing is known has locked it for very long", async () => {
    const lock = locked(20, stranger);
    expect(await within(ensuring(await rig.worker("me")), "an answer")).toBeNull();
    expect(fake.find(lock.id)).toBe(lock);
  });

  test("is waited for as long as it may still be filled, and by one who lives however long", async () => {
    const lives = { ...describeSelf("sibling", "") };
    for (const [minutes, owner] of [
      [10, stranger],
      [20, lives],
    ] as const) {
      const lock = locked(minutes, owner);
      const worker = await rig.worker("me");
      const waiting = ensuring(worker);
      await within(
        fake.until(() => fake.listening > 0),
        "the wait",
      );
      fake.drop(lock);
      expect(await within(waiting, "the volume")).not.toBeNull();
      fake.volumes.clear();
      worker.watcher[Symbol.dispose]();
      await within(
        fake.until(() => fake.listening === 0),
        "the watcher to go",
      );
    }
  });

  // Such a container stayed for as long as its worker lived, and a lock kept all others waiting.
  test("leaves no container behind in an engine that refuses once to remove each", async () => {
    const busy = { status: 500, words: "device or resource busy" };
    // The lock goes by its id.
    for (const path of [/-source$/, /-target$/, /\/(?!oz-worker-)[^/]*$/]) fake.mishap("DELETE", path, busy);
    await within(ensuring(await rig.worker("a")), "the volume");
    expectWhole();
  });

  test("is taken as it is when it is whole", async () => {
    const first = await ensuring(await rig.worker("first"));
    expect(await ensuring(await rig.worker("second"))).toEqual(first);
    expect(fake.fillings).toHaveLength(1);
  });

  // It was taken for whole with nothing in it, by this task and all that followed.
  test.each([
    ["the creation of a container for it", "POST", /^\/containers\/create$/, "{}"],
    ["the export of the image's files", "GET", /\/export$/, ""],
    ["the export of the image's files", "GET", /\/export$/, "<h1>Welcome</h1>".repeat(100)],
  ] as const)("is filled anew where the answer to %s was spoiled", async (_what, method, path, instead) => {
    const worker = await rig.worker("a");
    if (method === "POST") {
      // The first is the lock.
      const lock = fake.hold("POST", path);
      const filler = fake.hold("POST", path);
      const asking = persist((trying) => ensuring(worker, trying), signal);
      await lock.arrived;
      lock.release();
      await filler.arrived;
      filler.release({ instead });
      await within(asking, "the volume");
    } else {
      fake.mishap(method, path, { instead });
      await within(
        persist((trying) => ensuring(worker, trying), signal),
        "the volume",
      );
    }
    expect(fake.volumes.get(NAME)?.files).toMatch(/^files of [^ ]*$/);
    expect(fake.volumes.get(MARK)).toBeDefined();
  });

  // What filled it, and its lock, stayed until the worker's end; other workers would have waited for that.
  test.each([
    ["their creation", "POST", /^\/containers\/create$/, "lost after"],
    ["their removal", "DELETE", /^\/containers\//, "lost before"],
  ] as const)("leaves no container when an answer about %s is lost", async (_what, method, path, mishap) => {
    const { shared } = await rig.worker("a");
    // For each of the three.
    for (let which = 0; which < 3; which++) {
      const held = [0, 1, 2].map(() => fake.hold(method, path));
      const asking = persist((trying) => shared.ensure(image, trying), signal);
      for (const [index, one] of held.entries()) one.release(index === which ? mishap : undefined);
      await within(asking, "the volume");
      expectWhole();
      fake.volumes.clear();
    }
  });

  // Nothing limited it: the task, and all others that wait for the volume, hung with it.
  test.each([
    ["reading", "GET", /\/export$/],
    ["writing", "PUT", ARCHIVE],
  ] as const)("is given up when the engine does not go on %s it", async (_what, method, path) => {
    const worker = await rig.worker("a");
    const held = fake.hold(method, path);
    jest.useFakeTimers();
    try {
      const asking = ensuring(worker).catch((error: unknown) => error);
      await held.arrived;
      jest.advanceTimersByTime(10 * 60_000);
      expect(await asking).toMatchObject({
        name: "EngineGone",
        message: expect.stringMatching(/10 minutes/),
      });
      expect(fake.containers.size).toBe(0);
    } finally {
      jest.useRealTimers();
      held.release("lost before");
    }
  });

  test("is filled on when one of two who wait for it does not want it any more", async () => {
    const worker = await rig.worker("me");
    const filling = fake.hold("PUT", ARCHIVE);
    const stop = new AbortController();
    const leaving = ensuring(worker, stop.signal).catch((error: unknown) => error);
    const staying = ensuring(worker);
    await filling.arrived;
    stop.abort(new Error("cancelled"));
    expect(await leaving).toBe(stop.signal.reason);
    filling.release();
    expect(await within(staying, "the volume")).not.toBeNull();
    expectWhole();
  });

  // The one who came next found the lock to be its own, and lost it when the first one let go.
  test("is filled under a lock of its own by who comes when all others have just left", async () => {
    const worker = await rig.worker("me");
    const filling = fake.hold("PUT", ARCHIVE);
    const stop = new AbortController();
    const leaving = ensuring(worker, stop.signal).catch((error: unknown) => error);
    await filling.arrived;
    const release = fake.hold("DELETE", new RegExp(`^/containers/${fake.withRole("lock")[0]?.id}$`));
    stop.abort(new Error("cancelled"));
    await turns(3);
    filling.release("lost before");
    const again = fake.hold("PUT", ARCHIVE);
    const next = ensuring(worker);
    await release.arrived;
    await Promise.race([again.arrived, turns(1_000)]);
    release.release();
    await within(again.arrived, "the next filling");
    expect(fake.withRole("lock")).toHaveLength(1);
    again.release();
    expect(await within(next, "the volume")).not.toBeNull();
    expect(await leaving).toBe(stop.signal.reason);
    expectWhole();
  });

  test("that a living worker fills is waited for, and filled by who waits when that one fails", async () => {
    const [one, other] = await Promise.all([rig.worker("one"), rig.worker("other")]);
    const filling = fake.hold("PUT", ARCHIVE);
    const failing = ensuring(one).catch(() => "failed");
    await filling.arrived;
    const waiting = ensuring(other);
    await fake.until(() => fake.listening === 1);
    filling.release({ status: 500, words: "no space left on device" });
    expect(await failing).toBe("failed");
    expect(await within(waiting, "the volume")).not.toBeNull();
    expectWhole();
  });
});

describe("a task", () => {
  test("whose sidecar's volume is removed before its container holds it gets it filled anew", async () => {
    const { backend } = await rig.backend("me");
    const first = runTask(backend, { sidecarImage: "oz/agent" });
    fake.end(await fake.running(), 0);
    await within(first.ended, "the first task");
    const own = fake.hold("POST", /^\/containers\/create$/);
    const task = runTask(backend, { sidecarImage: "oz/agent" });
    await within(own.arrived, "the task's container");
    for (const { name } of fake.volumesWithRole("sidecar")) fake.volumes.delete(name);
    own.release();
    const container = await within(fake.running(), "the task");
    const [volume = ""] = container.body.HostConfig?.Binds?.[0]?.split(":") ?? [];
    expect(fake.volumes.get(volume)?.files).toStartWith("files of");
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect(fake.fillings).toHaveLength(2);
  });

  test("has a copy of its own of what it may write to, which goes with it", async () => {
    const { backend } = await rig.backend("me");
    const additionalSidecars = [{ image: "oz/tools", mountPath: "/tools", readWrite: true }];
    const tasks = ["a", "b"].map((taskId) => runTask(backend, { taskId, additionalSidecars }));
    await fake.until(() => fake.withRole("task").filter(({ status }) => status === "running").length === 2);
    expect(new Set(fake.withRole("task").map(({ body }) => body.HostConfig?.Binds?.[0])).size).toBe(2);
    expect(fake.volumesWithRole("private-sidecar")).toHaveLength(2);
    for (const container of fake.withRole("task")) fake.end(container, 0);
    await within(Promise.all(tasks.map(({ ended }) => ended)), "the ends");
    expect(fake.volumes.size).toBe(0);
  });
});

describe("what is removed for its age", () => {
  const DAY_MS = 24 * 60 * 60 * 1000;
  const garbage = async (lastUsed: ReadonlyMap<string, number>, maxAgeMs: number | null = DAY_MS) => {
    const { engine, log } = await rig.worker("me");
    const refusals = new Refusals(log, "cannot remove a volume");
    await collectGarbage({ engine, maxAgeMs, lastUsed, refusals, log }, Date.now(), signal);
    return [...fake.volumes.keys()].sort();
  };
  const aged = (name: string, role: string, days: number, filling = "1") => {
    const volume = fake.addVolume(name, { [LABELS.role]: role, [LABELS.filling]: filling });
    volume.createdAt = new Date(Date.now() - days * DAY_MS).toISOString();
  };

  test("is a volume that nobody uses, with its mark, and no other", async () => {
    for (const [name, days] of Object.entries({ old: 2, young: 0.5, used: 2, held: 2 })) {
      aged(name, "sidecar", days);
      aged(`${name}.complete`, "sidecar-complete", days);
    }
    fake.addVolume("stranger").createdAt = "2020-01-01T00:00:00Z";
    fake.add("c", {}, "exited", ["held:/agent"]);
    expect(await garbage(new Map([["used", Date.now()]]))).toEqual([
      "held",
      "held.complete",
      "stranger",
      "used",
      "used.complete",
      "young",
      "young.complete",
    ]);
  });

  test("is none that was filled long ago, and that a task has had since then", async () => {
    const worker = await rig.worker("me");
    expect(await ensuring(worker)).not.toBeNull();
    for (const volume of fake.volumes.values()) volume.createdAt = "2020-01-01T00:00:00Z";
    expect(await ensuring(worker)).not.toBeNull();
    expect(await garbage(worker.shared.lastUsed)).toEqual([NAME, MARK]);
    expect(await garbage(new Map())).toEqual([]);
  });

  test("is a mark whose volume is gone, however young", async () => {
    aged("gone.complete", "sidecar-complete", 0);
    expect(await garbage(new Map())).toEqual([]);
  });

  test("is nothing where volumes are to stay, but what was remembered of tasks taken over", async () => {
    aged("old", "sidecar", 100);
    aged("x.reported", "reported", 8);
    aged("y.reported", "reported", 6);
    expect(await garbage(new Map(), null)).toEqual(["old", "y.reported"]);
  });

  // Behind one that a leaked mount kept ("device or resource busy") no other ever went, and nothing told of it.
  test("is every other one when the engine refuses to remove one, which is told of once", async () => {
    for (const name of ["kept", "old"]) aged(name, "sidecar", 2);
    for (const name of ["kept.reported", "old.reported"]) aged(name, "reported", 8);
    const allow = fake.refuse("DELETE", /^\/volumes\/kept/);
    const { engine, log } = await rig.worker("me");
    const refusals = new Refusals(log, "cannot remove a volume");
    const turn = () =>
      collectGarbage({ engine, maxAgeMs: DAY_MS, lastUsed: new Map(), refusals, log }, Date.now(), signal);
    await turn();
    expect([...fake.volumes.keys()].sort()).toEqual(["kept", "kept.reported"]);
    await turn();
    expect(log.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields)).toMatchObject([
      { volume: "kept.reported" },
      { volume: "kept" },
    ]);
    allow();
    await turn();
    expect(fake.volumes.size).toBe(0);
  });

  test("is not what has no age that can be read", async () => {
    aged("old", "sidecar", 100);
    const volume = fake.volumes.get("old");
    if (volume !== undefined) volume.createdAt = "";
    await turns(1);
    expect(await garbage(new Map())).toEqual(["old"]);
  });
});
