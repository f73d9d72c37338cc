import { describe, expect, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import { describeSelf } from "../../src/backends/docker/ownership/owner.ts";
import { type Adoption, type Orphan, TaskFailure, TaskStopped } from "../../src/task/backend.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { eventually, within } from "../support/wait.ts";
import {
  type DockerRig,
  deadOwner,
  eachTestHasRig,
  labelsOf,
  resumeTask,
  type TaskUnderTest,
  taskLabelsOf,
} from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const NAME = "oz-worker-t-1-00000000";
const MARK = `${NAME}.reported`;
const dead = deadOwner("dead");

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

const saved = (more: Partial<Parameters<typeof writeHandle>[0]> = {}) =>
  writeHandle({ ...newHandle(NAME), started: true, ...more });
const left = (status = "running"): StoredContainer => fake.add(NAME, taskLabelsOf(dead, "t-1"), status);
const lockNameOf = ({ id }: StoredContainer) => `oz-worker-claims-${id.slice(0, 12)}`;

async function endOf(task: TaskUnderTest) {
  const ended = await within(task.ended, "the task to end");
  if (ended.kind !== "failed") return ended.kind;
  if (ended.error instanceof TaskStopped) return ended.error.why;
  if (ended.error instanceof TaskFailure) return `${ended.error.reason} ${ended.error.exitCode ?? ""}`.trim();
  throw ended.error;
}

/** The end of a task that went the same way as others: what these have left does not count. */
function retell(handle: ReturnType<typeof saved>) {
  fake.volumes.delete(MARK);
  return endOf(resumeTask(backend, handle));
}

/** Offers the orphans there are, once, to one who answers as told. */
async function offerOrphans(to: DockerBackend, answer: Adoption): Promise<Orphan[]> {
  const offered: Orphan[] = [];
  const stop = new AbortController();
  const adopt = (orphan: Orphan) => {
    offered.push(orphan);
    stop.abort();
    return answer;
  };
  await within(to.findOrphans(adopt, stop.signal), "the orphans");
  return offered;
}

describe("a task of an earlier worker", () => {
  test("that had saved nothing is safe to retry", async () => {
    const ended = await resumeTask(backend, null).ended;
    expect(ended).toMatchObject({ error: { reason: "unknown" } });
    expect(String(Reflect.get(ended, "error"))).toContain("safe to retry");
  });

  // Once it was "safe to retry" as well, while what the other backend had begun went on.
  test("that was begun under another backend may still run, for all that is known", async () => {
    const ended = await resumeTask(backend, { dir: "/ws/t", gitConfig: "/ws/t/.gitconfig", pid: 7 }).ended;
    expect(ended).toMatchObject({ error: { reason: "unknown" } });
    expect(String(Reflect.get(ended, "error"))).toMatch(/another backend.*may still run/);
  });

  test("whose container was never made is safe to retry", async () => {
    expect(await endOf(resumeTask(backend, saved({ started: false })))).toBe("unknown");
  });

  test("whose container was never started is safe to retry, and the container goes", async () => {
    left("created");
    expect(await endOf(resumeTask(backend, saved({ started: false })))).toBe("unknown");
    expect(fake.containers.size).toBe(0);
  });

  test("that runs is waited for, and its true end is told", async () => {
    const container = left();
    const task = resumeTask(backend, saved({ started: false }));
    await fake.until(() => fake.listening === 1);
    fake.end(container, 7);
    expect(await endOf(task)).toBe("container_exit 7");
    expect(fake.containers.size).toBe(0);
    expect([...fake.volumes.keys()]).toEqual([MARK]);
  });

  // It was reported as failed, in the engine's words alone, while its agent ran on.
  test.each([
    ["refuses to tell of it", "GET", /\/json$/, 409],
    ["refuses a lock for it", "POST", /\/create$/, 404],
  ] as const)(
    "that runs has its true end although the engine %s once",
    async (_what, method, path, status) => {
      fake.mishap(method, path, { status, words: "not now" });
      const container = left();
      const task = resumeTask(backend, saved());
      await fake.until(() => fake.listening === 1);
      fake.end(container, 0);
      expect(await endOf(task)).toBe("completed");
    },
  );

  // An engine in trouble for a second, as when its host starts, ended what ran: it was borne for five minutes otherwise.
  test.each([
    ["to tell of it", "GET", /^\/containers\/\w{64}\/json$/],
    ["to make a lock for it", "POST", /^\/containers\/create$/],
  ] as const)(
    "that runs has its true end although the engine is not able for a while %s",
    async (_what, method, path) => {
      const container = left();
      const able = fake.refuse(method, path);
      const task = resumeTask(backend, saved());
      await eventually(() => task.log.said("warn").length === 1, "a warning");
      able();
      await fake.until(() => fake.listening === 1);
      fake.end(container, 0);
      expect(await endOf(task)).toBe("completed");
    },
  );

  // It was called gone, by one wrong answer between two right ones.
  test("that runs has its true end although the engine says once that there is none", async () => {
    const container = left();
    const lock = fake.hold("POST", /\/create$/);
    const task = resumeTask(backend, saved());
    await lock.arrived;
    fake.mishap("GET", /\/json$/, { status: 404, words: "no such container" });
    lock.release();
    await fake.until(() => fake.listening === 1);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
  });

  test("that the engine will not tell of says what was tried, and the engine's words", async () => {
    left();
    for (let tries = 0; tries < 3; tries++)
      fake.mishap("GET", /\/json$/, { status: 403, words: "not for you" });
    const { ended } = resumeTask(backend, saved());
    const failure = {
      reason: "container_wait",
      message: expect.stringMatching(/^cannot take up .*: not for you$/),
    };
    expect(await within(ended, "the task to end")).toMatchObject({ kind: "failed", error: failure });
  });

  test("that the engine will not tell of any more, once it is claimed, is not called gone, and is let go of", async () => {
    left();
    const lock = fake.hold("POST", /\/create$/);
    const { ended } = resumeTask(backend, saved());
    await lock.arrived;
    for (let tries = 0; tries < 3; tries++)
      fake.mishap("GET", /\/json$/, { status: 403, words: "not for you" });
    lock.release();
    expect(await within(ended, "the task to end")).toMatchObject({
      kind: "failed",
      error: { message: expect.stringMatching(/^cannot take up .*: not for you$/) },
    });
    expect([fake.withRole("lock"), fake.withRole("task").length]).toEqual([[], 1]);
  });

  // Its end looked like the agent's own failure: the worker had been told to end at once, a second time.
  test.each([137, 143])(
    "that the engine went on stopping for that one's shutdown, to %d, says so",
    async (status) => {
      fake.end(left(), status);
      expect(await retell(saved({ stopping: true }))).toBe("shutdown");
      const result = { exitCode: status, oomKilled: false, finishedAt: null };
      expect(await retell(saved({ stopping: true, result }))).toBe("shutdown");
    },
  );

  test("that was to stop for that one's shutdown and ended by itself has its true end", async () => {
    fake.end(left(), 3);
    expect(await retell(saved({ stopping: true }))).toBe("container_exit 3");
    const result = { exitCode: 137, oomKilled: true, finishedAt: null };
    expect(await retell(saved({ stopping: true, result }))).toBe("container_oom 137");
  });

  // Once work that was cut off was called completed, because the agent ended well when it was told to.
  test("that ended well when it was told to has not completed its task, at any other time it has", async () => {
    fake.end(left(), 0);
    const now = Date.now();
    const stopped = (stoppedAt: number) => saved({ stopping: true, stoppedAt });
    expect(await retell(stopped(now - 1_000))).toBe("shutdown");
    const ended = (finishedAt: number) => ({ exitCode: 0, oomKilled: false, finishedAt });
    const after = (ms: number) => saved({ stopping: true, stoppedAt: now, result: ended(now + ms) });
    expect(await retell(after(500))).toBe("shutdown");
    expect(await retell(after(-500))).toBe("completed");
    expect(await retell(after(3_600_000))).toBe("completed");
  });

  // The engine was away when its worker had to go, and the stop never came to it.
  test("that was to stop and runs long after its grace was not stopped, whatever becomes of it", async () => {
    const container = left();
    const { id } = container;
    const hourAgo = Date.now() - 3_600_000;
    const task = resumeTask(backend, saved({ id, stopping: true, stoppedAt: hourAgo }));
    await eventually(async () => task.handle()?.["stopping"] === false, "the worker to see that it runs");
    const handle = task.handle();
    // That one died, and somebody removed the container by hand.
    fake.drop(container);
    const next = await rig.backend("next");
    expect(await endOf(resumeTask(next.backend, handle))).toBe("container_wait");
  });

  test.each([137, 143])("that was to stop and was killed an hour later, to %d, says that", async (status) => {
    fake.end(left(), status);
    const stoppedAt = Date.now() - 3_600_000;
    expect(await retell(saved({ stopping: true, stoppedAt }))).toBe(`container_exit ${status}`);
  });

  test("that runs within its grace may be stopped yet", async () => {
    const container = left();
    const { id } = container;
    const task = resumeTask(backend, saved({ id, stopping: true, stoppedAt: Date.now() - 1_000 }));
    await fake.until(() => fake.listening === 1);
    const look = fake.hold("GET", new RegExp(`^/containers/${id}/json$`));
    fake.tell("oom", id);
    await within(look.arrived, "another look");
    look.release();
    await turns(5);
    expect(task.handle()?.["stopping"]).toBe(true);
    fake.end(container, 143);
    expect(await endOf(task)).toBe("shutdown");
  });

  test("that ended meanwhile has its true end", async () => {
    fake.end(left(), 0);
    expect(await endOf(resumeTask(backend, saved()))).toBe("completed");
  });

  test.each([
    [0, "completed"],
    [3, "container_exit 3"],
  ])(
    "that ended meanwhile with %d has that end also where the engine tells no times",
    async (status, end) => {
      fake.times = "left out";
      fake.end(left(), status);
      expect(await endOf(resumeTask(backend, saved()))).toBe(end);
    },
  );

  // Where a proxy gives the worker no volumes it was said not to be found out, though its worker had stopped it.
  test("whose container is gone, and was being stopped, was stopped where no volume may be looked at", async () => {
    fake.refuse("GET", /^\/volumes/, 403);
    expect(await endOf(resumeTask(backend, saved({ stopping: true })))).toBe("shutdown");
  });

  // Removed by somebody else, it was said, or cancelled, while it ran on the engine that the worker had before.
  test("whose container is on another engine may still run, for all that is known", async () => {
    const tasks = [true, true, false].map((started) =>
      resumeTask(backend, saved({ engine: "tcp://before:2375", started, stopping: started })),
    );
    tasks[1]?.stop("cancelled");
    for (const { ended } of tasks)
      expect(await within(ended, "the task to end")).toMatchObject({
        error: {
          reason: "container_wait",
          message: `there is no container ${NAME} on the engine at ${fake.http.host}: it was to run on the one at tcp://before:2375, and may still do so`,
        },
      });
  });

  test("is found under another address of its engine, and belongs there from then on", async () => {
    const container = left();
    const task = resumeTask(backend, saved({ engine: "tcp://before:2375" }));
    await fake.until(() => fake.listening === 1);
    expect(task.handle()).toMatchObject({ id: container.id, engine: fake.http.host });
    fake.drop(container);
    expect(await endOf(task)).toBe("container_wait");
  });

  test("whose container is gone is told as such", async () => {
    expect(await endOf(resumeTask(backend, saved()))).toBe("container_wait");
  });

  // As after a restart of podman's host. Once it was waited for without end.
  test("whose container's end the engine has forgotten is told as such, and the container goes", async () => {
    const container = left();
    container.status = "created";
    const task = resumeTask(backend, saved());
    expect(await endOf(task)).toBe("container_wait");
    expect(await task.ended).toMatchObject({
      error: { message: expect.stringContaining("does not know how") },
    });
    expect(fake.containers.size).toBe(0);
  });

  test("whose container has ended with 0, at no time, has an end that the engine has forgotten", async () => {
    fake.times = "start only";
    fake.end(left(), 0);
    expect(await endOf(resumeTask(backend, saved()))).toBe("container_wait");
  });

  test("whose container's end the engine has forgotten was stopped, when that was under way", async () => {
    left().status = "created";
    expect(await endOf(resumeTask(backend, saved({ stopping: true, stoppedAt: Date.now() })))).toBe(
      "shutdown",
    );
  });

  test("whose end was saved before the container went has that end", async () => {
    const result = { exitCode: 3, oomKilled: false, finishedAt: null };
    expect(await retell(saved({ result }))).toBe("container_exit 3");
    expect(await retell(saved({ result: { ...result, exitCode: 0 } }))).toBe("completed");
  });

  // It was told of as failed, in the engine's words.
  test("whose end was saved has that end although the engine will not tell of its container", async () => {
    left("exited");
    fake.refuse("GET", /\/json$/, 403);
    const result = { exitCode: 0, oomKilled: false, finishedAt: null };
    expect(await endOf(resumeTask(backend, saved({ result })))).toBe("completed");
    expect(fake.containers.size).toBe(0);
  });

  test("that a living worker has taken is that one's", async () => {
    const container = left();
    fake.add(lockNameOf(container), labelsOf(describeSelf("sibling", "")), "created");
    expect(await endOf(resumeTask(backend, saved()))).toBe("handed-off");
    expect(container.status).toBe("running");
  });

  // `docker container prune`, in a crontab: the next worker to look took it over, and both reported it.
  test("stays this worker's when somebody removes whatever was never started", async () => {
    const container = left();
    const task = resumeTask(backend, saved());
    const lock = await fake.until(() => fake.listening === 1 && fake.find(lockNameOf(container)));
    // Only then it is waited for, beside the task's own.
    await fake.until(() => fake.http.requests.some(({ path }) => path === `/containers/${lock.id}/json`));
    fake.drop(lock);
    await fake.until(() => fake.find(lockNameOf(container)));
    const { claims } = await rig.worker("sibling");
    const sought = { container: NAME, id: container.id, taskId: "t-1", executionId: "exec-t-1" };
    expect((await claims.take(sought, AbortSignal.timeout(5_000))).kind).toBe("another's");
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    expect(fake.containers.size).toBe(0);
  });

  test("that another worker had taken and let go of is an orphan to this one, too", async () => {
    const container = left();
    const { claims } = await rig.worker("taker");
    const sought = { container: NAME, id: container.id, taskId: "t-1", executionId: "exec-t-1" };
    const claim = await claims.take(sought, AbortSignal.timeout(5_000));
    expect(await endOf(resumeTask(backend, saved()))).toBe("handed-off");
    if (claim.kind === "ours") await claim.release();
    expect(await offerOrphans(backend, "refused")).toMatchObject([{ taskId: "t-1" }]);
  });

  test("that another worker has reported is not reported again", async () => {
    fake.addVolume(MARK, labelsOf(dead));
    expect(await endOf(resumeTask(backend, saved()))).toBe("handed-off");
  });

  // It was: the engine was in trouble for a moment, when it was asked whether another had.
  test("that another worker has reported, and could not remove, is not reported again", async () => {
    const container = left();
    const { marks } = await rig.worker("taker");
    await marks.set(container.id, AbortSignal.timeout(5_000));
    fake.mishap("GET", /^\/volumes\/oz-worker-ended-/, { status: 500, words: "in trouble" });
    expect(await endOf(resumeTask(backend, saved()))).toBe("handed-off");
  });

  test("whose taker is dead too is taken from that one", async () => {
    const container = left();
    fake.add(lockNameOf(container), labelsOf(deadOwner("dead too")), "created");
    fake.end(container, 0);
    expect(await endOf(resumeTask(backend, saved()))).toBe("completed");
    expect(fake.containers.size).toBe(0);
  });

  // In a container of another engine, or in a pod: each worker has pids of its own. The task was never reported.
  test.each([
    ["had this journal before, is taken from it", ["first", "taker", "third"], "completed"],
    ["had another journal, is its own", ["first"], "handed-off"],
  ])("whose taker is of unknown life, and %s", async (_which, settlers, end) => {
    const container = left();
    const taker = { ...describeSelf("taker", ""), pidNamespace: "pid:[1]" };
    fake.add(lockNameOf(container), labelsOf(taker), "created");
    fake.end(container, 0);
    expect(await endOf(resumeTask(backend, saved({ settlers })))).toBe(end);
  });

  test("knows its taker before there is a lock that names it", async () => {
    left();
    const lock = fake.hold("POST", /^\/containers\/create$/);
    const task = resumeTask(backend, saved({ settlers: ["first"] }));
    await within(lock.arrived, "the lock to be asked for");
    expect(task.handle()).toMatchObject({ settledBefore: "first", settler: "me" });
    lock.release();
    task.stop("cancelled");
    expect(await endOf(task)).toBe("cancelled");
  });

  test("is told to stop, with its grace, when it is cancelled while the engine is away", async () => {
    const container = left();
    await fake.goAway();
    const task = resumeTask(backend, saved());
    task.stop("cancelled");
    await turns(20);
    await fake.comeBack();
    expect(await endOf(task)).toBe("cancelled");
    expect(container.exitCode).toBe(143);
  });

  test("is not called stopped by a worker that has to go while the engine is away", async () => {
    const container = left();
    const task = resumeTask(backend, saved());
    await fake.until(() => fake.listening === 1);
    await fake.goAway();
    task.stop("shutdown");
    task.hurry();
    // Once there was none to wait for here, and it was too early for anything to be said.
    const word =
      "engine does not answer: the container goes on, and the next start of the worker takes it up";
    await eventually(() => task.log.said("warn").includes(word), "the word to the operator");
    expect(await Promise.race([task.ended, turns(50).then(() => "nothing")])).toBe("nothing");
    expect(container.status).toBe("running");
  });

  test("is not called stopped either by one that has to go before it could ask for it", async () => {
    left();
    await fake.goAway();
    const task = resumeTask(backend, saved());
    task.stop("shutdown");
    task.hurry();
    expect(await Promise.race([task.ended, turns(200).then(() => "nothing")])).toBe("nothing");
  });
});

describe("a task that no journal knows", () => {
  test("is offered, and its end is told and remembered for a journal that turns up", async () => {
    const container = left();
    const [orphan] = await offerOrphans(backend, "taken");
    expect(orphan).toMatchObject({ taskId: "t-1", executionId: "exec-t-1" });
    const task = resumeTask(backend, orphan?.handle ?? null);
    await fake.until(() => fake.listening === 1);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    expect(fake.containers.size).toBe(0);
    const late = await rig.backend("late");
    expect(await endOf(resumeTask(late.backend, saved()))).toBe("handed-off");
  });

  // Only who had adopted it left a mark: when its first worker was back first, the other one told another end.
  test("is not reported by a worker that had taken it and died, once its first one is back and has", async () => {
    const container = left();
    const { id } = container;
    const task = resumeTask(backend, saved({ id }));
    await fake.until(() => fake.listening === 1);
    fake.end(container, 5);
    expect(await endOf(task)).toBe("container_exit 5");
    const taker = await rig.backend("taker again");
    const taken = saved({ id, adopted: true, settlers: ["taker"] });
    expect(await endOf(resumeTask(taker.backend, taken))).toBe("handed-off");
    // Its own mark is none for itself: it may die before it has reported.
    const again = await rig.backend("me again");
    expect(await endOf(resumeTask(again.backend, task.handle()))).toBe("container_exit 5");
  });

  // The mark that was meant for others made the worker that had left it drop its own task.
  test("is reported by the one that took it, which died between its removal and its report", async () => {
    const container = left();
    const [orphan] = await offerOrphans(backend, "taken");
    const task = resumeTask(backend, orphan?.handle ?? null);
    await fake.until(() => fake.listening === 1);
    fake.end(container, 5);
    await within(task.ended, "the task to end");
    expect([fake.containers.size, fake.volumes.has(MARK)]).toEqual([0, true]);
    const restarted = await rig.backend("me again");
    expect(await endOf(resumeTask(restarted.backend, task.handle()))).toBe("container_exit 5");
  });

  test("is not reported by a worker from which yet another took it over", async () => {
    const container = left();
    const [orphan] = await offerOrphans(backend, "taken");
    const task = resumeTask(backend, orphan?.handle ?? null);
    await fake.until(() => fake.listening === 1);
    fake.end(container, 5);
    await within(task.ended, "the task to end");
    // What the next one leaves that took the container over after the first had died.
    fake.volumes.delete(MARK);
    fake.addVolume(MARK, labelsOf(describeSelf("the next", "")));
    const restarted = await rig.backend("me again");
    expect(await endOf(resumeTask(restarted.backend, task.handle()))).toBe("handed-off");
  });
});
