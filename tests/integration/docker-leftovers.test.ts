/** What the engine refuses to remove when a task has ended, and what somebody renames meanwhile. */
import { describe, expect, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { EngineGone } from "../../src/backends/docker/engine/errors.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import { type Adoption, type Orphan, TaskFailure, TaskStopped } from "../../src/task/backend.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import type { RecordedLog } from "../unit/logging/recorded-log.ts";
import {
  type DockerRig,
  deadOwner,
  eachTestHasRig,
  labelsOf,
  resumeTask,
  runTask,
  type TaskUnderTest,
  taskLabelsOf,
} from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const NAME = "oz-worker-t-1-00000000";
const REMOVAL = /^\/containers\/[^/]+$/;
const dead = deadOwner("dead");

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

async function endOf(task: TaskUnderTest) {
  const ended = await within(task.ended, "the task to end");
  if (ended.kind !== "failed") return ended.kind;
  if (ended.error instanceof TaskStopped) return ended.error.why;
  if (ended.error instanceof TaskFailure) return `${ended.error.reason} ${ended.error.exitCode ?? ""}`.trim();
  throw ended.error;
}

/** A task that ends with `exitCode`. */
async function runToEnd(by: DockerBackend, exitCode: number) {
  const task = runTask(by);
  const container = await fake.running();
  fake.end(container, exitCode);
  return { container, task, end: await endOf(task) };
}

/** As its successors see it: the worker that made the container is no more. */
function die(container: StoredContainer): void {
  Object.assign(container, { labels: { ...container.labels, ...labelsOf(dead) } });
}

/** Has upkeep done until `done` of the engine; answers offers, and resolves with what was offered. */
async function upkeep(
  by: DockerBackend,
  done: (offered: Orphan[]) => boolean,
  answer: Adoption = "taken",
): Promise<Orphan[]> {
  const offered: Orphan[] = [];
  const stop = new AbortController();
  const adopt = (orphan: Orphan) => {
    offered.push(orphan);
    return answer;
  };
  const running = by.findOrphans(adopt, stop.signal);
  try {
    await within(
      fake.until(() => done(offered)),
      "the upkeep",
    );
    // The last answer is yet to arrive.
    await turns(50);
  } finally {
    stop.abort();
  }
  await running;
  return offered;
}

const hintOf = (log: RecordedLog) => log.lines.findLast(({ level }) => level === "warn")?.fields?.["hint"];
const isEmpty = () => fake.containers.size === 0 && fake.volumesWithRole("ended").length === 0;
const warnings = (log: RecordedLog) => log.said("warn");

describe("a container that the engine does not remove when its task has ended", () => {
  // It looked like the task of a dead worker, which another one claimed and reported a second time.
  test("is never offered as somebody's task, and goes as soon as that is possible", async () => {
    const allow = fake.refuse("DELETE", REMOVAL);
    const { container, end } = await runToEnd(backend, 5);
    expect(end).toBe("container_exit 5");
    die(container);
    const sibling = await rig.backend("sibling");
    const marked = fake.volumesWithRole("ended");
    expect(marked.map(({ labels }) => labels[LABELS.ended])).toEqual([container.id]);
    const tried = () =>
      fake.http.requests.filter(({ method, path }) => method === "DELETE" && path.endsWith(container.id))
        .length;
    const before = tried();
    expect(await upkeep(sibling.backend, () => fake.containers.size === 1 && tried() > before)).toEqual([]);
    expect(warnings(sibling.log)).toEqual([
      "cannot take care of what a dead worker left: trying again now and then",
    ]);
    allow();
    expect(await upkeep(sibling.backend, isEmpty)).toEqual([]);
  });

  test("is not offered either by whoever took it over and ended it", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"));
    const taker = await rig.backend("taker");
    const allow = fake.refuse("DELETE", new RegExp(`^/containers/${container.id}$`));
    const [orphan] = await upkeep(taker.backend, ({ length }) => length === 1);
    const task = resumeTask(taker.backend, orphan?.handle ?? null);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    allow();
    expect(await upkeep(backend, isEmpty)).toEqual([]);
  });

  // A proxy before the engine's socket may let nobody see volumes: a task that ran was reported as failed.
  test("has no mark where volumes are refused, and one that runs is taken over as ever", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"));
    fake.refuse("GET", /^\/volumes/, 403);
    const taker = await rig.backend("taker");
    const [orphan] = await upkeep(taker.backend, ({ length }) => length === 1);
    const task = resumeTask(taker.backend, orphan?.handle ?? null);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
  });

  test("is not taken by one that was waiting for its claim while its end was told", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"));
    const lock = fake.hold("POST", /^\/containers\/create$/);
    const looking = upkeep(backend, isEmpty);
    await lock.arrived;
    const { marks } = await rig.worker("another");
    await marks.set(container.id, AbortSignal.timeout(5_000));
    lock.release();
    expect(await looking).toEqual([]);
  });

  // While it is not known whether a task was reported, it is nobody's to take over.
  test("is not said to have no mark by an engine that is away, or in trouble", async () => {
    const { marks } = await rig.worker("another");
    const asked = () => marks.markedBy("c".repeat(64), AbortSignal.timeout(5_000));
    fake.mishap("GET", /^\/volumes\//, { status: 503, words: "no engine behind this proxy" });
    await expect(asked()).rejects.toThrow("no engine");
    fake.mishap("GET", /^\/volumes\//, "lost before");
    await expect(asked()).rejects.toBeInstanceOf(EngineGone);
    fake.mishap("GET", /^\/volumes\//, { status: 403, words: "not for you" });
    expect(await asked()).toBeNull();
    fake.mishap("GET", /^\/volumes\//, { status: 500, words: "in trouble" });
    await expect(asked()).rejects.toThrow("in trouble");
    const stopped = AbortSignal.abort(new Error("no more time"));
    await expect(marks.markedBy("c".repeat(64), stopped)).rejects.toBe(stopped.reason);
  });

  test("has the new mark last when whoever takes it over marks it again", async () => {
    const id = "c".repeat(64);
    const { marks } = await rig.worker("earlier");
    await marks.set(id, AbortSignal.timeout(5_000));
    const removal = fake.hold("DELETE", /^\/volumes\//);
    const later = await rig.worker("later");
    const marking = later.marks.set(id, AbortSignal.timeout(5_000));
    await removal.arrived;
    await turns(5);
    removal.release();
    await marking;
    expect(await later.marks.markedBy(id, AbortSignal.timeout(5_000))).toBe("later");
  });

  test("whose end only this journal knows is no other worker's task", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"), "exited");
    const allow = fake.refuse("DELETE", new RegExp(`^/containers/${container.id}$`));
    const marked = () => fake.volumesWithRole("ended").length === 1 && fake.withRole("lock").length === 0;
    expect(await upkeep(backend, marked, "ended")).toHaveLength(1);
    const other = await rig.backend("other");
    allow();
    expect(await upkeep(other.backend, isEmpty)).toEqual([]);
  });

  test("is told of with its true end by a worker that died before its journal had it", async () => {
    fake.refuse("DELETE", REMOVAL);
    const { container, task } = await runToEnd(backend, 5);
    die(container);
    const again = await rig.backend("me again");
    const resumed = resumeTask(again.backend, task.handle());
    expect(await endOf(resumed)).toBe("container_exit 5");
    // A sibling was quicker to remove what was marked.
    fake.drop(container);
    expect(await endOf(resumeTask(again.backend, resumed.handle()))).toBe("container_exit 5");
  });

  test("is told of by the third worker when two have died so, each behind a mark of its own", async () => {
    const allow = fake.refuse("DELETE", REMOVAL);
    const { container, task } = await runToEnd(backend, 5);
    allow();
    fake.refuse("DELETE", new RegExp(`^/containers/${container.id}$`));
    die(container);
    let handle = task.handle();
    for (const name of ["second", "third"]) {
      const again = await rig.backend(name);
      const resumed = resumeTask(again.backend, handle);
      expect(await endOf(resumed)).toBe("container_exit 5");
      handle = resumed.handle();
      expect(fake.volumesWithRole("ended").map(({ labels }) => labels[LABELS.instance])).toEqual([name]);
    }
  });

  // Its worker's journal turned up later, and reported it as well.
  test("is not told of again by the journal of the worker that it was taken over from", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"));
    fake.refuse("DELETE", new RegExp(`^/containers/${container.id}$`));
    const taker = await rig.backend("taker");
    const [orphan] = await upkeep(taker.backend, ({ length }) => length === 1);
    const task = resumeTask(taker.backend, orphan?.handle ?? null);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    const late = writeHandle({ ...newHandle(NAME), id: container.id, started: true });
    expect(await endOf(resumeTask(backend, late))).toBe("handed-off");
    // Or nobody else could clear it away while this one lives.
    expect(fake.withRole("lock")).toEqual([]);
  });

  // Its user was told that somebody else had removed the container.
  test("is told of as cancelled by a worker that died when it had cleared the cancelled one away", async () => {
    const started = writeHandle({ ...newHandle(NAME), id: "0".repeat(64), started: true });
    const task = resumeTask(backend, started);
    task.stop("cancelled");
    expect(await endOf(task)).toBe("cancelled");
    const stopping = { ...task.handle(), stopping: true, stoppedAt: Date.now() };
    expect(await endOf(resumeTask(backend, stopping))).toBe("shutdown");
  });

  // Its user was told that somebody else had removed the container, here too.
  test("is told of as timed out by a worker that died when it had cleared that one away", async () => {
    const me = await rig.backend("still me");
    const task = runTask(me.backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    const stop = fake.hold("POST", /\/stop$/);
    task.stop("timeout");
    await stop.arrived;
    const handle = task.handle();
    stop.release();
    expect(await endOf(task)).toBe("timeout");
    expect(fake.find(container.id)).toBeUndefined();
    const resumed = resumeTask(backend, handle);
    resumed.stop("timeout");
    expect(await endOf(resumed)).toBe("timeout");
  });

  test("is not told of as timed out by one that came when its time was over, and had not stopped it", async () => {
    const handle = writeHandle({ ...newHandle(NAME), id: "0".repeat(64), started: true });
    const task = resumeTask(backend, handle);
    task.stop("timeout");
    expect(await endOf(task)).toBe("container_wait");
  });

  test("is tried again while its worker lives, which says so once, and once that it worked", async () => {
    const me = await rig.backend("still me");
    const allow = fake.refuse("DELETE", REMOVAL);
    const { task } = await runToEnd(me.backend, 0);
    const tries = () => fake.http.requests.filter(({ method }) => method === "DELETE").length;
    for (let turn = 0; turn < 3; turn++) {
      const before = tries();
      await upkeep(me.backend, () => tries() > before || fake.containers.size === 0);
    }
    expect(fake.containers.size).toBe(1);
    allow();
    await upkeep(me.backend, isEmpty);
    const said = task.log.lines.filter(({ level }) => level !== "debug").map(({ level }) => level);
    expect(said).toEqual(["warn", "info"]);
    expect(me.log.said("warn")).toEqual([]);
  });

  test("and cannot be marked is told of with what to do, and marked as soon as that is possible", async () => {
    fake.refuse("DELETE", REMOVAL);
    const allow = fake.refuse("POST", /\/volumes\/create$/);
    fake.refuse("POST", /\/rename$/);
    const { container, task } = await runToEnd(backend, 0);
    expect(task.log.said("warn")).toHaveLength(2);
    expect(hintOf(task.log)).toContain("a later one may take it for a task");
    die(container);
    const other = await rig.backend("other");
    expect(await upkeep(other.backend, (offered) => offered.length === 1, "refused")).toHaveLength(1);
    allow();
    await upkeep(backend, () => fake.volumesWithRole("ended").length === 1);
    expect(task.log.said("warn")).toHaveLength(2);
  });

  // The operator was told that it may be taken for a task again; it was not, and nobody removed it either.
  test("and cannot be marked but by its name is no task for anybody, and the hint says what is true", async () => {
    fake.refuse("DELETE", REMOVAL);
    fake.refuse("POST", /\/volumes\/create$/);
    const { container, task } = await runToEnd(backend, 0);
    expect(container.name).toEndWith("-ended");
    expect(hintOf(task.log)).toContain("no later one removes it");
    die(container);
    const other = await rig.backend("other");
    const looked = fake.http.requests.length;
    expect(await upkeep(other.backend, () => fake.http.requests.length > looked + 2)).toEqual([]);
    expect(fake.containers.size).toBe(1);
  });

  test("and was to stay is as it should be once it has its name", async () => {
    const keeper = await rig.backend("keeper", { cleanup: false });
    fake.mishap("POST", /\/rename$/, { status: 500, words: "device busy" });
    fake.refuse("POST", /\/volumes\/create$/);
    const { container, task } = await runToEnd(keeper.backend, 1);
    expect(container.name).toEndWith("-ended");
    expect(task.log.said("warn")).toEqual(["cannot rename the ended container: trying again now and then"]);
  });

  test("and was to stay has its name as soon as that is possible", async () => {
    const keeper = await rig.backend("keeper", { cleanup: false });
    const allow = [/\/rename$/, /\/volumes\/create$/].map((path) => fake.refuse("POST", path));
    const { container } = await runToEnd(keeper.backend, 1);
    expect(container.name).not.toEndWith("-ended");
    for (const one of allow) one();
    await upkeep(keeper.backend, () => container.name.endsWith("-ended"));
  });

  test("and was to stay is no trouble when somebody removes it first", async () => {
    const keeper = await rig.backend("keeper", { cleanup: false });
    const renaming = fake.hold("POST", /\/rename$/);
    const running = runToEnd(keeper.backend, 0);
    await renaming.arrived;
    for (const one of fake.withRole("task")) fake.drop(one);
    renaming.release();
    const { task, end } = await running;
    expect([end, warnings(task.log)]).toEqual(["completed", []]);
  });

  test("is tried again together with the private copies of its sidecars", async () => {
    const allow = fake.refuse("DELETE", /^\/volumes\/oz-tools-/);
    const additionalSidecars = [{ image: "oz/tools", mountPath: "/tools", readWrite: true }];
    const task = runTask(backend, { additionalSidecars });
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toBe("completed");
    expect([fake.containers.size, fake.volumesWithRole("private-sidecar").length]).toEqual([0, 1]);
    expect(fake.volumesWithRole("ended")).toEqual([]);
    allow();
    await upkeep(backend, () => fake.volumesWithRole("private-sidecar").length === 0);
  });

  test("is renamed later where it is to stay, and left alone from then on", async () => {
    const keeper = await rig.backend("keeper", { cleanup: false });
    const allow = fake.refuse("POST", /\/rename$/);
    const { container } = await runToEnd(keeper.backend, 1);
    expect(container.name).not.toEndWith("-ended");
    allow();
    die(container);
    const next = await rig.backend("next", { cleanup: false });
    const renamed = () => container.name.endsWith("-ended") && fake.volumesWithRole("ended").length === 0;
    expect(await upkeep(next.backend, renamed)).toEqual([]);
    const looked = fake.http.requests.length;
    expect(await upkeep(backend, () => fake.http.requests.length > looked + 2)).toEqual([]);
    expect(fake.containers.size).toBe(1);
  });

  test("leaves no mark when somebody has removed it at last", async () => {
    fake.refuse("DELETE", REMOVAL);
    const { container } = await runToEnd(backend, 0);
    expect(fake.volumesWithRole("ended")).toHaveLength(1);
    fake.drop(container);
    const other = await rig.backend("other");
    await upkeep(other.backend, isEmpty);
  });

  // Nobody would take it up again once the operator has pruned what looks like volumes without a use.
  test("has a name by which it is left alone when its mark is gone", async () => {
    fake.refuse("DELETE", REMOVAL);
    const { container } = await runToEnd(backend, 0);
    fake.volumes.clear();
    die(container);
    const other = await rig.backend("other");
    const looked = fake.http.requests.length;
    expect(await upkeep(other.backend, () => fake.http.requests.length > looked + 2)).toEqual([]);
  });

  test("costs those nothing that are removed", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    const asked = fake.http.requests.map(({ method, path }) => `${method} ${path}`);
    const lastLook = asked.lastIndexOf(`GET /containers/${container.id}/json`);
    expect(asked.slice(lastLook + 1)).toEqual([`DELETE /containers/${container.id}`, "GET /volumes"]);
  });
});

// A container that the worker knew by its name only was called "removed by somebody else", and stayed.
describe("a container that somebody has renamed", () => {
  test("goes with its task", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    container.name = "my-debugging";
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    expect(fake.containers.size).toBe(0);
  });

  test("is found by the next worker, which tells its true end", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    container.name = "my-debugging";
    die(container);
    const next = await rig.backend("next");
    const resumed = resumeTask(next.backend, task.handle());
    // Nor does that one's search for orphans take it for another.
    await fake.until(() => fake.listening === 2);
    const looked = () => fake.http.requests.some(({ path }) => path === "/volumes");
    expect(await upkeep(next.backend, looked)).toEqual([]);
    expect(fake.withRole("lock")).toHaveLength(1);
    fake.end(container, 9);
    expect(await endOf(resumed)).toBe("container_exit 9");
    expect(fake.containers.size).toBe(0);
  });

  test("and that runs is found before a copy that has ended", async () => {
    const labels = { ...taskLabelsOf(dead, "t-1"), [LABELS.container]: NAME };
    for (const name of ["before", "after"]) fake.end(fake.add(name, labels), 0);
    const running = fake.add("running", labels);
    fake.end(fake.add("last", labels), 0);
    const task = resumeTask(backend, writeHandle({ ...newHandle(NAME), started: true }));
    await fake.until(() => fake.listening === 1);
    fake.end(running, 9);
    expect(await endOf(task)).toBe("container_exit 9");
  });

  test.each([
    ["was made before the worker could note its id", { [LABELS.container]: NAME }, false],
    ["was made by a version that kept names only", {}, false],
    ["ended while no worker was there", { [LABELS.container]: NAME }, true],
  ])("and %s is found by its labels", async (_what, more, endedBefore) => {
    const container = fake.add("my-debugging", { ...taskLabelsOf(dead, "t-1"), ...more });
    if (endedBefore) fake.end(container, 9);
    const task = resumeTask(backend, writeHandle({ ...newHandle(NAME), started: true }));
    await fake.until(() => fake.listening === 1);
    fake.end(container, 9);
    expect(await endOf(task)).toBe("container_exit 9");
    expect(fake.containers.size).toBe(0);
  });

  test("is not mistaken for that of another execution", async () => {
    fake.add("of another execution", taskLabelsOf(dead, "t-1", "another"));
    fake.add("made as another", { ...taskLabelsOf(dead, "t-1"), [LABELS.container]: "another" });
    fake.add("oz-worker-t-1-11111111-ended", taskLabelsOf(dead, "t-1"), "exited");
    const task = resumeTask(backend, writeHandle({ ...newHandle(NAME), started: true }));
    expect(await endOf(task)).toBe("container_wait");
    expect(fake.containers.size).toBe(3);
  });

  test("is offered under the name that it was made with, for the journal of its worker knows no other", async () => {
    const { id } = fake.add("mine", { ...taskLabelsOf(dead, "t-1"), [LABELS.container]: NAME });
    const [orphan] = await upkeep(backend, ({ length }) => length === 1);
    expect(orphan?.handle).toMatchObject({ container: NAME, id });
  });

  test("and was kept by a worker that died then is not kept a second time", async () => {
    const keeper = await rig.backend("keeper", { cleanup: false });
    const { container, task } = await runToEnd(keeper.backend, 1);
    fake.refuse("POST", /\/rename$/);
    const again = await rig.backend("keeper again", { cleanup: false });
    expect(await endOf(resumeTask(again.backend, task.handle()))).toBe("container_exit 1");
    expect(container.name).toEndWith("-ended");
    expect(fake.volumesWithRole("ended")).toEqual([]);
  });
});

describe("what a dead worker left", () => {
  // Its agent was killed with the container, in the middle of its work.
  test("of a task that was reported, and runs all the same, has its grace", async () => {
    const container = fake.add(NAME, taskLabelsOf(dead, "t-1"));
    expect(await upkeep(backend, isEmpty, "ended")).toHaveLength(1);
    expect(container.exitCode).toBe(143);
  });

  test("in the middle of filling a private copy goes when its task is ended, without a complaint", async () => {
    const copy = { ...labelsOf(dead), [LABELS.role]: "private-sidecar", [LABELS.container]: NAME };
    fake.addVolume("oz-tools-1", copy);
    const filler = { ...labelsOf(dead), [LABELS.role]: "filler", [LABELS.fills]: "oz-tools-1" };
    fake.add("oz-worker-filler-1-target", filler, "created", ["oz-tools-1:/oz-sidecar"]);
    const task = resumeTask(backend, writeHandle(newHandle(NAME)));
    expect(await endOf(task)).toBe("unknown");
    expect([fake.containers.size, [...fake.volumes.keys()]]).toEqual([0, [`${NAME}.reported`]]);
    expect(task.log.said("warn")).toEqual([]);
  });
});
