import { describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import { EngineGone } from "../../src/backends/docker/engine/errors.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import { Orphans, RETURN_MS } from "../../src/backends/docker/orphans.ts";
import { describeSelf, type Owner } from "../../src/backends/docker/ownership/owner.ts";
import { Refusals } from "../../src/backends/docker/refusals.ts";
import { Upkeep } from "../../src/backends/docker/upkeep.ts";
import type { Adoption, Orphan } from "../../src/task/backend.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, deadOwner, eachTestHasRig, labelsOf, signal, taskLabelsOf } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let looker: Awaited<ReturnType<typeof looking>>;
const me = describeSelf("me", "");
const alive = describeSelf("sibling", "");
const dead = deadOwner("dead");
const stranger: Owner = { ...me, instanceId: "stranger", bootId: "another", machineId: "another" };

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  looker = await looking();
});

/** One worker's search, and what it offered to somebody who answers as told. */
async function looking(cleanup = true, instanceId = "me") {
  const { log, shared, ...parts } = await rig.worker(instanceId);
  const { engine, disposal } = parts;
  const ownedHere = new Set<string>();
  const orphans = new Orphans({ workerId: "w", ...parts, ownedHere, cleanup, graceMs: 2_000, log });
  const refusals = new Refusals(log, "cannot remove a volume");
  const garbage = { engine, maxAgeMs: null, lastUsed: shared.lastUsed, refusals, log };
  const offered: Orphan[] = [];
  const look = async (answer: Adoption = "taken", patienceMs = 0) => {
    const adopt = (orphan: Orphan) => {
      offered.push(orphan);
      return answer;
    };
    await orphans.look(adopt, patienceMs, signal);
    await orphans.clearSpent(signal);
    return offered.map(({ taskId }) => taskId);
  };
  const upkeep = new Upkeep({ orphans, disposal, garbage, log });
  return { look, offered, ownedHere, log, orphans, disposal, garbage, upkeep };
}

const left = (owner: Owner, taskId: string, status = "running"): StoredContainer =>
  fake.add(`oz-worker-${taskId}-00000000`, taskLabelsOf(owner, taskId), status);
const names = () => [...fake.containers.values()].map(({ name }) => name).sort();

describe("a search for orphans", () => {
  // Without its mark it would be taken for a task that was left behind, once its worker is dead.
  test("leaves the mark of a container that was made since it had the list of them", async () => {
    const { marks } = await rig.worker("sibling");
    const marksAreListed = fake.hold("GET", /^\/volumes$/);
    const looking = looker.look();
    await within(marksAreListed.arrived, "the marks to be asked for");
    await marks.set(left(alive, "t-sibling").id, signal);
    marksAreListed.release();
    await looking;
    expect(fake.volumesWithRole("ended")).toHaveLength(1);
  });

  test("offers the tasks of dead workers, and of nobody else", async () => {
    const container = left(dead, "t-dead");
    container.createdAt = 1_700_000_000;
    left(me, "t-own");
    left(alive, "t-sibling");
    for (const taskId of ["t-elsewhere", "t-too"]) left(stranger, taskId);
    fake.add("not ours", { ...taskLabelsOf(dead, "x"), [LABELS.workerId]: "another worker id" });
    fake.add("a lock without a name of its owner", { ...labelsOf(dead), [LABELS.role]: "task" });
    await looker.look();
    expect(looker.offered).toEqual([
      {
        taskId: "t-dead",
        executionId: "exec-t-dead",
        claimedAt: 1_700_000_000_000,
        handle: writeHandle({
          ...newHandle(container.name, fake.http.host),
          id: container.id,
          started: true,
          adopted: true,
        }),
      },
    ]);
    expect(looker.log.said("info")).toEqual(["containers of a worker of this id are left alone"]);
  });

  test("leaves alone what the operator wants to keep, and what this process has resumed", async () => {
    fake.end(fake.add("oz-worker-t-1-00000000-ended", taskLabelsOf(dead, "t-1")), 0);
    looker.ownedHere.add(left(dead, "t-2").name);
    expect(await looker.look()).toEqual([]);
    expect(fake.containers.size).toBe(2);
  });

  test("offers a task to one of two workers that look at the same time", async () => {
    const container = left(dead, "t-1");
    const other = await looking(true, "other");
    const offers = await Promise.all([looker.look(), other.look()]);
    expect(offers.flat()).toEqual(["t-1"]);
    expect(container.status).toBe("running");
  });

  test.each(["ended", "unproven"] as const)(
    "removes the container of a task whose end is in the journal, and lets go of it: %s",
    async (answer) => {
      fake.end(left(dead, "t-1"), 0);
      expect(await looker.look(answer)).toEqual(["t-1"]);
      expect(fake.containers.size).toBe(0);
      await looker.look(answer);
      expect(looker.log.said("info")).toEqual(["container of a task that was reported is cleared away"]);
    },
  );

  test("stops one of those that runs all the same, with its grace, before it removes it", async () => {
    const container = left(dead, "t-1");
    const stop = fake.hold("POST", /\/stop$/);
    const looking = looker.look("ended");
    expect((await within(stop.arrived, "the stop")).query.get("t")).toBe("2");
    await turns(20);
    expect(container.status).toBe("running");
    stop.release();
    await looking;
    expect([container.exitCode, fake.containers.size]).toEqual([143, 0]);
  });

  // Whoever has its claim after that finds its mark, or would report it once more.
  test("lets go of one whose end was told once its mark is there, and not before", async () => {
    left(dead, "t-1");
    const mark = fake.hold("POST", /^\/volumes\/create$/);
    const looking = looker.look("ended");
    await within(mark.arrived, "the mark");
    await turns(20);
    expect(fake.withRole("lock")).toHaveLength(1);
    mark.release();
    await looking;
    expect(fake.withRole("lock")).toEqual([]);
  });

  test("removes nothing where containers are to stay", async () => {
    const { look } = await looking(false, "keeper");
    fake.end(left(dead, "t-1"), 0);
    expect(await look("ended")).toEqual(["t-1"]);
    expect(names()).toEqual(["oz-worker-t-1-00000000-ended"]);
  });

  test("leaves running what somebody has started again to look at it, where containers stay", async () => {
    const { look } = await looking(false, "keeper");
    const { name } = left(dead, "t-1");
    expect(await look("ended")).toEqual(["t-1"]);
    expect([...fake.containers.values()]).toMatchObject([{ name, status: "running" }]);
  });

  test("clears nothing away that was resumed since it was looked at", async () => {
    const { id, name } = left(dead, "t-1");
    await looker.orphans.look(() => "ended", 0, signal);
    looker.ownedHere.add(name);
    await looker.orphans.clearSpent(signal);
    expect(fake.find(id)?.status).toBe("running");
  });

  test("lets go of what it was refused for, so that another may have it", async () => {
    left(dead, "t-1");
    await looker.look("refused");
    const other = await looking(true, "other");
    expect(await other.look()).toEqual(["t-1"]);
  });

  // It was resumed while it was being offered, and lost its claim when the offer was turned down.
  test("keeps the claim of a task that was resumed meanwhile", async () => {
    const { name } = left(dead, "t-1");
    const resumed = () => {
      looker.ownedHere.add(name);
      return "running" as const;
    };
    await looker.orphans.look(resumed, 0, signal);
    const other = await looking(true, "other");
    expect(await other.look()).toEqual([]);
  });

  test("waits for a dead worker to come back, if it is not its own start", async () => {
    jest.useFakeTimers();
    jest.advanceTimersByTime(RETURN_MS);
    left(dead, "t-1");
    expect(await looker.look("taken", RETURN_MS)).toEqual([]);
    jest.advanceTimersByTime(RETURN_MS - 1);
    expect(await looker.look("taken", RETURN_MS)).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(await looker.look("taken", RETURN_MS)).toEqual(["t-1"]);
  });

  // The time of a first restart, days ago, counted, and the second one lost its tasks to a sibling at once.
  test("waits anew for a worker in a container that was restarted before, and came back", async () => {
    jest.useFakeTimers();
    const home = fake.add("worker", {});
    left({ ...alive, containerId: home.id }, "t-1");
    for (const status of ["exited", "running", "exited"]) {
      home.status = status;
      expect(await looker.look("taken", RETURN_MS)).toEqual([]);
      jest.advanceTimersByTime(RETURN_MS);
    }
    expect(await looker.look("taken", RETURN_MS)).toEqual(["t-1"]);
  });

  test("sweeps what dead workers held and had begun, and only that", async () => {
    for (const [owner, who] of [
      [dead, "dead"],
      [alive, "alive"],
      [stranger, "stranger"],
    ] as const) {
      for (const role of ["lock", "filler"]) {
        fake.add(`${role} of ${who}`, { ...labelsOf(owner), [LABELS.role]: role }, "created");
      }
      fake.addVolume(`copy of ${who}`, { ...labelsOf(owner), [LABELS.role]: "private-sidecar" });
    }
    fake.addVolume("copy in use", { ...labelsOf(dead), [LABELS.role]: "private-sidecar" });
    fake.add("user", {}, "running", ["copy in use:/agent"]);
    fake.add("of a later version", { ...labelsOf(dead), [LABELS.role]: "not known here" }, "created");
    await looker.look();
    expect(names()).toEqual([
      "filler of alive",
      "filler of stranger",
      "lock of alive",
      "lock of stranger",
      "of a later version",
      "user",
    ]);
    expect([...fake.volumes.keys()].sort()).toEqual(["copy in use", "copy of alive", "copy of stranger"]);
    // That the engine keeps what is in use is nothing to be told of.
    expect(looker.log.said("warn")).toEqual([]);
  });

  test("is given up when the engine goes away, which is no refusal", async () => {
    fake.add("lock", { ...labelsOf(dead), [LABELS.role]: "lock" }, "created");
    fake.mishap("DELETE", /^\/containers\//, "lost before");
    const looking = looker.look().catch((error: unknown) => error);
    expect(await within(looking, "the search")).toBeInstanceOf(EngineGone);
    expect(looker.log.said("warn")).toEqual([]);
  });

  test("tells once of what the engine refuses, however often it looks", async () => {
    fake.add("lock", { ...labelsOf(dead), [LABELS.role]: "lock" }, "created");
    fake.addVolume("copy", { ...labelsOf(dead), [LABELS.role]: "private-sidecar" });
    const gone = left(dead, "t-1", "exited");
    await (await rig.worker("sibling")).marks.set(gone.id, signal);
    fake.drop(gone);
    fake.refuse("DELETE", /^\/(containers|volumes)\//);
    for (let looks = 0; looks < 3; looks++) await looker.look();
    expect(
      looker.log.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields),
    ).toMatchObject([{ container: "lock" }, { volume: "copy" }, { markOf: gone.id.slice(0, 12) }]);
  });

  // One container that the engine would not do anything with kept all that came after it from being found.
  test("goes on with the others when the engine refuses one", async () => {
    const { name } = left(dead, "t-2");
    // It is listed before the older one.
    left(dead, "t-1");
    fake.add("lock", { ...labelsOf(dead), [LABELS.role]: "lock" }, "created");
    for (let tries = 0; tries < 3; tries++)
      fake.mishap("POST", /^\/containers\/create$/, { status: 403, words: "authorization denied" });
    fake.mishap("DELETE", /^\/containers\//, { status: 500, words: "device busy" });
    expect(await looker.look()).toEqual(["t-2"]);
    looker.ownedHere.add(name);
    expect(await looker.look()).toEqual(["t-2", "t-1"]);
    expect(looker.log.said("warn")).toHaveLength(2);
    expect(fake.find("lock")).toBeUndefined();
  });
});

/**
 * An operator commits a task's container to look into it, and runs the image: `docker commit` has written all
 * labels into it. With cleanup, what ran was stopped and removed, or reported as a task a day later.
 */
describe("what somebody runs of an image that was committed of a task's container", () => {
  const committed = () => {
    const original = fake.add(NAME, { ...taskLabelsOf(dead, "t-1"), [LABELS.container]: NAME });
    return { original, copy: fake.addCopy("jolly_euler", original) };
  };
  const NAME = "oz-worker-t-1-00000000";

  test.each(["taken", "ended"] as const)("is no orphan, whatever becomes of that: %s", async (answer) => {
    const { original, copy } = committed();
    expect(await looker.look(answer)).toEqual(["t-1"]);
    expect(looker.offered[0]?.handle).toMatchObject({ id: original.id });
    fake.drop(original);
    expect(await looker.look(answer)).toEqual(["t-1"]);
    expect(await looker.look(answer)).toEqual(["t-1"]);
    expect([fake.find("jolly_euler")?.id, copy.status]).toEqual([copy.id, "running"]);
    const told = "container with the labels of a worker was not made by one: leaving it alone";
    expect(looker.log.said("info").filter((said) => said === told)).toEqual([told]);
  });

  test("costs one look at its image, however often it is looked at, and however many are run of it", async () => {
    const { original, copy } = committed();
    for (const name of ["second", "third"]) fake.add(name, copy.labels, "running", [], copy.body.Image);
    fake.drop(original);
    for (let turn = 0; turn < 3; turn++) expect(await looker.look()).toEqual([]);
    expect(fake.http.requests.filter(({ path }) => path === `/images/${copy.body.Image}/json`)).toHaveLength(
      1,
    );
  });

  test("is left alone when its image cannot be looked at, and a worker's own is not", async () => {
    const { original, copy } = committed();
    fake.imageLabels.clear();
    fake.refuse("GET", new RegExp(`^/images/${copy.body.Image}`));
    expect(await looker.look()).toEqual(["t-1"]);
    expect(looker.offered[0]?.handle).toMatchObject({ id: original.id });
    expect(copy.status).toBe("running");
  });

  test("does not hide a task that a worker runs of that very image", async () => {
    const { copy } = committed();
    const labels = { ...taskLabelsOf(dead, "t-2"), [LABELS.container]: "oz-worker-t-2-00000000" };
    fake.add("renamed by hand", labels, "running", [], copy.body.Image);
    expect((await looker.look()).sort()).toEqual(["t-1", "t-2"]);
  });

  test("is not taken for the container that it was made of, once that is gone", async () => {
    const { original, copy } = committed();
    fake.drop(original);
    const { claims } = await rig.worker("resuming");
    const sought = { container: NAME, id: original.id, taskId: "t-1", executionId: "exec-t-1" };
    expect((await claims.take(sought, signal)).kind).toBe("gone");
    expect(copy.status).toBe("running");
  });
});

describe("the upkeep", () => {
  test("looks again for a start's orphans after the engine was away, without waiting for their worker", async () => {
    jest.useFakeTimers();
    const stop = new AbortController();
    const offered = Promise.withResolvers<string>();
    const adopt = ({ taskId }: Orphan): Adoption => {
      offered.resolve(taskId);
      return "taken";
    };
    left(dead, "t-1");
    const failed = Promise.withResolvers<void>();
    const log = { ...looker.log, debug: () => failed.resolve() };
    const upkeep = new Upkeep({ ...looker, log });
    fake.mishap("GET", /^\/containers\/json$/, "lost before");
    const running = upkeep.run(adopt, stop.signal);
    await failed.promise;
    await turns(2);
    jest.advanceTimersByTime(60_000);
    jest.useRealTimers();
    expect(await within(offered.promise, "the offer")).toBe("t-1");
    stop.abort();
    await running;
  });

  test("removes a sidecar's volume that nobody has used for as long as it may stay", async () => {
    const stop = new AbortController();
    fake.addVolume("old", { [LABELS.role]: "sidecar", [LABELS.filling]: "1" }).createdAt =
      "2020-01-01T00:00:00Z";
    const garbage = { ...looker.garbage, maxAgeMs: 3_600_000 };
    const running = new Upkeep({ ...looker, garbage }).run(() => "refused", stop.signal);
    await within(fake.http.seen("DELETE", "/volumes/old"), "its removal");
    stop.abort();
    await running;
  });

  // Each turn counted as one that the engine had cut short, and a running worker took over at once for ever.
  test.each([
    ["to remove a volume", "DELETE", /^\/volumes\/old$/],
    ["to tell of volumes", "GET", /^\/volumes$/],
  ] as const)(
    "waits for a dead worker to come back although the engine refuses %s",
    async (_what, method, path) => {
      const stop = new AbortController();
      const offered: string[] = [];
      const adopt = ({ taskId }: Orphan): Adoption => {
        offered.push(taskId);
        return "taken";
      };
      const looks = () => fake.http.requests.filter((one) => one.path === "/containers/json").length;
      fake.addVolume("old", { [LABELS.role]: "sidecar" }).createdAt = "2020-01-01T00:00:00Z";
      fake.refuse(method, path);
      // A turn each second.
      const garbage = { ...looker.garbage, maxAgeMs: 1 };
      const running = new Upkeep({ ...looker, garbage }).run(adopt, stop.signal);
      await within(fake.http.seen(method, path), "the refusal");
      left(dead, "t-1");
      // Those that have seen it are over when the next one has begun.
      await within(
        fake.until(() => looks() > 2),
        "two more turns",
      );
      stop.abort();
      await running;
      expect(offered).toEqual([]);
    },
  );

  test("ends with its signal and says nothing of it", async () => {
    const stop = new AbortController();
    const list = fake.hold("GET", /^\/containers\/json$/);
    const upkeep = looker.upkeep.run(() => "refused", stop.signal);
    await list.arrived;
    stop.abort();
    await within(upkeep, "the upkeep to end");
    expect(looker.log.lines).toEqual([]);
  });
});
