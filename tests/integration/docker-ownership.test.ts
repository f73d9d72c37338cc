import { describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import { describeSelf, type Owner } from "../../src/backends/docker/ownership/owner.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, deadOwner, eachTestHasRig, labelsOf, signal, taskLabelsOf } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
const LOCK = { name: "lock", image: "sha256:0" };
const NAME = "oz-worker-t-1-00000000";
const sought = { container: NAME, id: "", taskId: "t-1", executionId: "exec-t-1" };
const CREATE = /^\/containers\/create$/;
const stranger: Owner = { ...describeSelf("stranger", ""), bootId: "another", machineId: "another" };

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

const workers = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, index) => rig.worker(`worker ${index}`)));

describe("a lock", () => {
  test("is had by one of ten at a time, and by each of them once", async () => {
    let holders = 0;
    let most = 0;
    const turn = async ({ locks }: Awaited<ReturnType<typeof rig.worker>>) => {
      const lock = await locks.take(LOCK, signal);
      holders += 1;
      most = Math.max(most, holders);
      await turns(5);
      holders -= 1;
      await lock?.release(signal);
    };
    await within(Promise.all((await workers(10)).map(turn)), "everyone's turn");
    expect(most).toBe(1);
    expect(fake.containers.size).toBe(0);
  });

  test("that a living worker holds is not to be had, until it lets go", async () => {
    const [one, other] = await workers(2);
    const held = await one?.locks.tryTake(LOCK, signal);
    expect(await other?.locks.tryTake(LOCK, signal)).toBeNull();
    const waiting = other?.locks.take(LOCK, signal);
    await fake.until(() => fake.listening === 1);
    await held?.release(signal);
    expect((await within(waiting ?? Promise.reject(), "the lock"))?.id).toBe(fake.find("lock")?.id ?? "");
  });

  // Who waited for it asked without a pause for ever, and a task was left to the one that had the name: nobody.
  test("whose name the engine has lost the container of is no living worker's, and is had once the name is free", async () => {
    const { locks, claims } = await rig.worker("worker");
    const lose = () => {
      for (let tries = 0; tries < 8; tries++)
        fake.mishap("POST", CREATE, { status: 409, words: "the name is in use" });
    };
    lose();
    await expect(within(locks.take(LOCK, signal), "the lock")).rejects.toThrow(
      /the name lock is taken, and has no container/,
    );
    // Podman that was killed as it made one keeps the name until it is asked so.
    expect(fake.http.requests.at(-1)).toMatchObject({ method: "DELETE", path: "/containers/lock" });
    fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"));
    lose();
    expect(await within(claims.take(sought, signal), "the claim")).toMatchObject({ kind: "ours" });
  });

  test("of a dead holder is taken from it by one of many", async () => {
    fake.add("lock", labelsOf(deadOwner("dead")), "created");
    const taken = await Promise.all((await workers(10)).map(({ locks }) => locks.tryTake(LOCK, signal)));
    expect(taken.filter((lock) => lock !== null)).toHaveLength(1);
    expect(fake.find("lock")?.id).toBe(taken.find((lock) => lock !== null)?.id ?? "");
  });

  test("that was taken from a dead holder stays with the one that was quicker", async () => {
    const [quick, slow] = await workers(2);
    fake.add("lock", labelsOf(deadOwner("dead")), "created");
    const removal = fake.hold("DELETE", /^\/containers\//);
    const late = slow?.locks.tryTake(LOCK, signal);
    await removal.arrived;
    const taken = await quick?.locks.tryTake(LOCK, signal);
    removal.release();
    expect(await late).toBeNull();
    expect(fake.find("lock")?.id).toBe(taken?.id ?? "");
  });

  test("whose holder dies while it is waited for is taken over", async () => {
    jest.useFakeTimers();
    const { locks } = await rig.worker("me");
    const holder = fake.add("container of a worker", {});
    fake.add("lock", labelsOf({ ...describeSelf("other", holder.id) }), "created");
    const waiting = locks.take(LOCK, signal);
    await fake.until(() => fake.listening === 1);
    fake.end(holder, 137);
    jest.advanceTimersByTime(10_000);
    jest.useRealTimers();
    expect((await within(waiting, "the lock"))?.id).toBe(fake.find("lock")?.id ?? "");
  });

  test("that this very worker left behind is its own again", async () => {
    const { locks } = await rig.worker("me");
    fake.mishap("POST", CREATE, "lost after");
    expect(await locks.tryTake(LOCK, signal).catch(() => "no answer")).toBe("no answer");
    expect((await locks.tryTake(LOCK, signal))?.id).toBe(fake.find("lock")?.id);
  });

  test("of somebody of whom nothing is known is left alone", async () => {
    const { locks } = await rig.worker("me");
    for (const labels of [labelsOf(stranger), {}]) {
      const held = fake.add("lock", labels, "created");
      expect(await locks.tryTake(LOCK, signal)).toBeNull();
      expect(fake.find("lock")).toBe(held);
      fake.drop(held);
    }
  });

  test("that the engine will not make is told of with the engine's words", async () => {
    const { locks } = await rig.worker("me");
    fake.mishap("POST", CREATE, { status: 403, words: "authorization denied" });
    await expect(locks.tryTake(LOCK, signal)).rejects.toThrow("authorization denied");
  });

  // After `docker rmi --force` of all there was, a task that had ended with 137 was told of as one that cannot be taken up.
  test("is made of an image without files when its own was removed", async () => {
    const { locks } = await rig.worker("me");
    const removed = { status: 404, words: "No such image: sha256:0" };
    for (let times = 0; times < 2; times++) {
      fake.mishap("POST", CREATE, removed);
      const lock = await locks.tryTake(LOCK, signal);
      expect(fake.find("lock")?.id).toBe(lock?.id ?? "");
      await lock?.release(signal);
    }
    expect(fake.http.requests.filter(({ path }) => path === "/images/create")).toHaveLength(1);
  });

  test("whose image was removed is told of in the engine's words when none may be made", async () => {
    const { locks } = await rig.worker("me");
    fake.mishap("POST", CREATE, { status: 404, words: "No such image: sha256:0" });
    fake.refuse("POST", /^\/images\/create$/, 403);
    await expect(locks.tryTake(LOCK, signal)).rejects.toThrow("No such image: sha256:0");
  });

  // The engine made the lock after its caller had gone, and every other worker waited for it from then on.
  test("that is made for one who does not want it any more does not stay", async () => {
    const { locks } = await rig.worker("me");
    const creation = fake.hold("POST", CREATE);
    const stop = new AbortController();
    const waiting = locks.take(LOCK, stop.signal).catch((error: unknown) => error);
    await creation.arrived;
    stop.abort(new Error("cancelled"));
    creation.release();
    expect(await within(waiting, "the end")).toBe(stop.signal.reason);
    expect(fake.made).toEqual(["lock"]);
    expect(fake.containers.size).toBe(0);
  });
});

describe("a container of a dead worker", () => {
  test("is claimed by exactly one of several", async () => {
    fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"));
    const claims = await Promise.all((await workers(8)).map(({ claims }) => claims.take(sought, signal)));
    const kinds = claims.map(({ kind }) => kind).sort();
    expect(kinds).toEqual([...Array(7).fill("another's"), "ours"]);
  });

  test("that is gone, and that nobody has reported, is told as such", async () => {
    const { claims } = await rig.worker("me");
    expect(await claims.take(sought, signal)).toEqual({ kind: "gone" });
  });

  test("that somebody has reported is told to be that one's", async () => {
    const [one, other] = await workers(2);
    await one?.claims.settle(NAME, signal);
    expect(await other?.claims.take(sought, signal)).toEqual({ kind: "reported", by: "worker 0" });
  });

  test("that goes between the look and the lock is not claimed, and no lock stays", async () => {
    const { claims } = await rig.worker("me");
    const container = fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"));
    const creation = fake.hold("POST", CREATE);
    const taking = claims.take(sought, signal);
    await creation.arrived;
    fake.drop(container);
    creation.release();
    expect(await within(taking, "the claim")).toEqual({ kind: "gone" });
    expect(fake.containers.size).toBe(0);
  });

  // Its lock stayed, and with it nobody could take the task over as long as this worker lived.
  // A busy engine made it when its task had been told of as not begun, which was told once more then.
  test("that was made after its end was reported is that one's, unless it has begun", async () => {
    const [me, other] = await workers(2);
    await other?.claims.settle(NAME, signal);
    const late = fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"), "created");
    expect(await me?.claims.take(sought, signal)).toMatchObject({ kind: "ours", endedBy: "worker 1" });
    late.status = "running";
    expect(await me?.claims.take(sought, signal)).toMatchObject({ kind: "ours", endedBy: null });
  });

  test("whose claim is given up half-way can be claimed by another", async () => {
    const [one, other] = await workers(2);
    fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"));
    const first = fake.hold("GET", new RegExp(`^/containers/${NAME}/json$`));
    const stop = new AbortController();
    const taking = one?.claims.take(sought, stop.signal).catch((error: unknown) => error);
    await first.arrived;
    const second = fake.hold("GET", /^\/containers\/[0-9a-f]{64}\/json$/);
    first.release();
    await second.arrived;
    stop.abort(new Error("no more time"));
    expect(await taking).toBe(stop.signal.reason);
    expect((await other?.claims.take(sought, signal))?.kind).toBe("ours");
  });

  test("is marked as reported by the last one that took it, whoever marked it before", async () => {
    const [one, other] = await workers(2);
    await one?.claims.settle(NAME, signal);
    await other?.claims.settle(NAME, signal);
    expect(await one?.claims.take(sought, signal)).toEqual({ kind: "reported", by: "worker 1" });
  });

  test("is settled without a word to the task when the engine refuses the mark", async () => {
    const { claims, log } = await rig.worker("me");
    fake.mishap("POST", /^\/volumes\/create$/, { status: 500, words: "disk full" });
    await claims.settle(NAME, signal);
    expect(log.said("warn")).toHaveLength(1);
  });
});
