import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { ContainerState } from "../../src/backends/docker/engine/containers.ts";
import type { Engine } from "../../src/backends/docker/engine/engine.ts";
import { EngineError } from "../../src/backends/docker/engine/errors.ts";
import { Watcher } from "../../src/backends/docker/watcher.ts";
import { eventually, within } from "../support/wait.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";
import { DockerRig, signal } from "./docker-rig.ts";

let rig: DockerRig;
let engine: Engine;
let watcher: Watcher;
let log: RecordedLog;

beforeEach(async () => {
  rig = await DockerRig.start();
  engine = await rig.engine();
  log = recordLog();
  watcher = new Watcher(engine, log);
});

afterEach(async () => {
  jest.useRealTimers();
  watcher[Symbol.dispose]();
  await rig[Symbol.asyncDispose]();
});

const ended = (state: ContainerState | null) => (state?.running ? null : (state?.exitCode ?? "gone"));
const streams = () => rig.fake.http.requests.filter(({ path }) => path === "/events").length;
const looks = () => rig.fake.http.requests.filter(({ path }) => path.endsWith("/json")).length;
const pathOf = ({ id }: { id: string }) => `/containers/${id}/json`;
const looksAt = (container: { id: string }) =>
  rig.fake.http.requests.filter(({ path }) => path === pathOf(container)).length;
/** The watcher has looked once, and hears what happens. */
async function attended(): Promise<void> {
  const { fake } = rig;
  await within(
    eventually(() => fake.listening === 1 && looks() > 0, "a stream and a look"),
    "the watcher",
  );
}

/** Resolves when it has looked once and hears what happens: with what it waits for, by the test's own clock. */
async function startToLook(id: string) {
  jest.useFakeTimers();
  // Not its request: that is answered later, and would tell of the end itself.
  const looked = Promise.withResolvers<void>();
  const look = (state: ContainerState | null) => {
    looked.resolve();
    return ended(state);
  };
  const waiting = watcher.until(id, look, signal);
  await rig.fake.until(() => rig.fake.listening === 1);
  await looked.promise;
  return { waiting };
}

describe("a container that is waited for", () => {
  test("is seen to end by its event", async () => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    rig.fake.end(container, 3);
    expect(await within(waiting, "the end")).toBe(3);
  });

  test("that ended before anybody listened is seen at once", async () => {
    const container = rig.fake.add("c", {});
    rig.fake.end(container, 4);
    expect(await within(watcher.until(container.id, ended, signal), "the end")).toBe(4);
  });

  test("that ends between the first look and the stream is seen by what the engine remembers", async () => {
    const container = rig.fake.add("c", {});
    const stream = rig.fake.hold("GET", /^\/events$/);
    const waiting = watcher.until(container.id, ended, signal);
    await stream.arrived;
    await eventually(() => looks() === 1, "the first look");
    rig.fake.end(container, 5);
    stream.release();
    expect(await within(waiting, "the end")).toBe(5);
  });

  test("is gone when somebody removes it", async () => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    rig.fake.drop(container);
    expect(await within(waiting, "the end")).toBe("gone");
  });

  test("whose event is lost is looked at again all the same", async () => {
    const container = rig.fake.add("c", {});
    rig.fake.tell("start", container.id);
    rig.fake.tellsEvents = false;
    const { waiting } = await startToLook(container.id);
    rig.fake.end(container, 6);
    jest.advanceTimersByTime(29_000);
    // After it any look that had begun would have arrived.
    await engine.containers.inspect(container.id, signal);
    expect(looks()).toBe(2);
    jest.advanceTimersByTime(1_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(6);
  });

  // Of one whose events nobody brought each end was noticed half a minute late.
  test("on an engine that has told of no event yet is looked at soon", async () => {
    rig.fake.tellsEvents = false;
    const container = rig.fake.add("c", {});
    const { waiting } = await startToLook(container.id);
    rig.fake.end(container, 6);
    jest.advanceTimersByTime(1_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(6);
  });

  // An engine may hang on single containers, and tell of all others.
  test("on such an engine is looked at although the looks at many others hang", async () => {
    rig.fake.tellsEvents = false;
    const names = Array.from({ length: 12 }, (_, number) => `c-${number}`);
    const [container, ...others] = names.map((name) => rig.fake.add(name, {})).reverse();
    const held = others.map((one) => rig.fake.hold("GET", new RegExp(`^${pathOf(one)}$`)));
    jest.useFakeTimers();
    const leave = new AbortController();
    const waiting = [...others, container].map((one) => watcher.until(one?.id ?? "", ended, leave.signal));
    await Promise.all(held.map(({ arrived }) => arrived));
    for (let second = 0; second < 30; second++) {
      jest.advanceTimersByTime(1_000);
      await engine.containers.find("none", signal);
    }
    const seen = container === undefined ? 0 : looksAt(container);
    leave.abort();
    await Promise.allSettled(waiting);
    expect(seen).toBeGreaterThan(10);
  });

  test("on such an engine is looked at ever more seldom", async () => {
    rig.fake.tellsEvents = false;
    const container = rig.fake.add("c", {});
    const { waiting } = await startToLook(container.id);
    const looksIn = async (seconds: number) => {
      const before = looks();
      for (let second = 0; second < seconds; second++) {
        jest.advanceTimersByTime(1_000);
        await engine.containers.find("none", signal);
      }
      return looks() - before - seconds;
    };
    expect(await looksIn(10)).toBe(10);
    await looksIn(90);
    expect(await looksIn(10)).toBe(1);
    await looksIn(900);
    expect(await looksIn(60)).toBe(2);
    rig.fake.end(container, 6);
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(6);
  });

  test("is seen to have ended while the engine was away", async () => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    await rig.fake.goAway();
    rig.fake.tellsEvents = false;
    rig.fake.end(container, 7);
    await rig.fake.comeBack();
    expect(await within(waiting, "the end")).toBe(7);
  });

  // The look that followed a cut found the engine still away, and the stream that came next had nothing
  // to tell: the end of the task was seen half a minute late.
  test("is looked at once the stream is there again, not only before", async () => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    const look = rig.fake.hold("GET", /^\/containers\/\w+\/json$/);
    await rig.fake.goAway();
    rig.fake.tellsEvents = false;
    rig.fake.end(container, 8);
    await rig.fake.comeBack();
    await look.arrived;
    look.release("lost before");
    expect(await within(waiting, "the end", 10_000)).toBe(8);
  });

  // One "internal error" of a busy engine ended a task that was running well.
  test("survives an engine that refuses to say how it is", async () => {
    const container = rig.fake.add("c", {});
    rig.fake.mishap("GET", /^\/containers\/\w+\/json$/, { status: 500, words: "database is locked" });
    const waiting = watcher.until(container.id, ended, signal);
    await rig.fake.http.seen("GET", `/containers/${container.id}/json`);
    await rig.fake.until(() => rig.fake.listening === 1);
    rig.fake.end(container, 9);
    expect(await within(waiting, "the end")).toBe(9);
  });

  // One wrong answer, whoever gave it, ended a task that was running well.
  test.each([
    ["a refusal", { status: 409, words: "conflict" }],
    ["a page of a proxy", { instead: "<h1>Welcome</h1>" }],
    ["half an answer", { instead: '{"Id": "c", "Sta' }],
    ["an answer about something else", { instead: '{"Id": "c", "State": {"Running": false}}' }],
    ["no answer at all", { instead: "" }],
  ] as const)("survives %s in place of how it is", async (_what, mishap) => {
    const container = rig.fake.add("c", {});
    rig.fake.mishap("GET", /^\/containers\/\w+\/json$/, mishap);
    const waiting = watcher.until(container.id, ended, signal);
    await rig.fake.http.seen("GET", `/containers/${container.id}/json`);
    await rig.fake.until(() => rig.fake.listening === 1);
    rig.fake.end(container, 9);
    expect(await within(waiting, "the end")).toBe(9);
  });

  test("is given up with the engine's words when it will not be told of", async () => {
    const container = rig.fake.add("c", {});
    for (let look = 0; look < 3; look++)
      rig.fake.mishap("GET", /^\/containers\/\w+\/json$/, { status: 403, words: "not for you" });
    const failure = await watcher.until(container.id, ended, signal).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineError);
    expect(failure).toMatchObject({ status: 403, message: "not for you" });
  });

  test.each([
    ["refusals", 403, 2],
    ["troubles", 500, 1],
  ] as const)("is not given up for %s that good answers came between", async (_what, status, times) => {
    const container = rig.fake.add("c", {});
    jest.useFakeTimers();
    const waiting = watcher.until(container.id, ended, signal);
    for (let round = 0; round < 2; round++) {
      for (let time = 0; time < times; time++)
        rig.fake.mishap("GET", /^\/containers\/\w+\/json$/, { status, words: "no" });
      for (let look = 0; look < 11; look++) {
        jest.advanceTimersByTime(30_000);
        await turns(20);
      }
    }
    rig.fake.end(container, 9);
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(9);
  });

  test("is not looked at again once its end was seen, though one more look after that brought nothing", async () => {
    jest.useFakeTimers();
    rig.fake.tellsEvents = false;
    const [one, other] = [rig.fake.add("one", {}), rig.fake.add("other", {})];
    rig.fake.tellsEvents = true;
    const path = `/containers/${one.id}/json`;
    const looks = () => rig.fake.http.requests.filter((request) => request.path === path).length;
    const first = rig.fake.hold("GET", new RegExp(`^${path}$`));
    const waiting = [one, other].map(({ id }) => watcher.until(id, ended, signal));
    await first.arrived;
    await rig.fake.until(() => rig.fake.listening === 1);
    rig.fake.mishap("GET", new RegExp(`^${path}$`), "lost before");
    rig.fake.end(one, 3);
    await turns(20);
    first.release();
    expect(await waiting[0]).toBe(3);
    await rig.fake.until(() => looks() === 2);
    await turns(20);
    jest.advanceTimersByTime(1_000);
    await turns(20);
    expect(looks()).toBe(2);
    rig.fake.end(other, 0);
    await Promise.all(waiting);
  });

  // Over ssh each look is a login: where a host turned some of many away, all were made again each second for ever.
  test("is looked at again by itself when a look at it brought nothing, whatever others brought before", async () => {
    jest.useFakeTimers();
    rig.fake.tellsEvents = false;
    const [one, other] = [rig.fake.add("one", {}), rig.fake.add("other", {})];
    rig.fake.tellsEvents = true;
    const waiting = [one, other].map(({ id }) => watcher.until(id, ended, signal));
    await rig.fake.until(() => rig.fake.listening === 1 && looksAt(one) + looksAt(other) === 2);
    for (const container of [other, one]) {
      rig.fake.mishap("GET", new RegExp(`^${pathOf(container)}$`), "lost before");
      rig.fake.tell("oom", container.id);
      while (looksAt(container) < 3) {
        jest.advanceTimersByTime(100);
        await turns(20);
      }
    }
    expect([looksAt(one), looksAt(other)]).toEqual([3, 3]);
    jest.useRealTimers();
    for (const container of [one, other]) rig.fake.end(container, 0);
    expect(await within(Promise.all(waiting), "the ends")).toEqual([0, 0]);
  });

  // The silence counted as trouble of five minutes: an engine that was not ready yet when it was back ended the task.
  test("is not given up for the first trouble of an engine that was away for long", async () => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    jest.useFakeTimers();
    await rig.fake.goAway();
    for (let seconds = 0; seconds < 400; seconds++) {
      jest.advanceTimersByTime(1_000);
      await turns(5);
    }
    const ready = rig.fake.refuse("GET", /^\/containers\/\w+\/json$/);
    await rig.fake.comeBack();
    const before = looks();
    jest.advanceTimersByTime(1_000);
    // A 500 is asked about twice more at once.
    await rig.fake.until(() => looks() === before + 3);
    await turns(20);
    ready();
    rig.fake.end(container, 9);
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(9);
  });

  // The worker waited without end, and its log had not a word of it.
  test("is told of once when the engine says nothing of it for long, and once more when it is back", async () => {
    const container = rig.fake.add("c", {});
    const words = () => log.lines.map(({ level, message }) => `${level} ${message}`);
    const waiting = watcher.until(container.id, ended, signal);
    await attended();
    jest.useFakeTimers();
    await rig.fake.goAway();
    for (let seconds = 0; seconds < 60; seconds++) {
      jest.advanceTimersByTime(1_000);
      await turns(5);
    }
    expect(words()).toEqual([
      "warn engine does not tell how the containers of running tasks are: waiting for it",
    ]);
    rig.fake.end(container, 3);
    await rig.fake.comeBack();
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(3);
    expect(words().slice(1)).toEqual(["info engine tells again how containers are"]);
  });

  // A task of hours was given up because a proxy in front of the engine had been out of order for minutes.
  test.each([
    ["waited for while a proxy answers", 503, 4],
    ["given up when the engine itself cannot tell", 500, null],
  ] as const)("is %s in its place for ten minutes", async (_what, status, exitCode) => {
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal).catch(() => null);
    await attended();
    const allow = rig.fake.refuse("GET", /^\/containers\/\w+\/json$/, status);
    jest.useFakeTimers();
    rig.fake.tell("oom", container.id);
    for (let minutes = 0; minutes < 20; minutes++) {
      jest.advanceTimersByTime(30_000);
      await turns(100);
    }
    rig.fake.end(container, 4);
    allow();
    jest.advanceTimersByTime(30_000);
    jest.useRealTimers();
    expect(await within(waiting, "the end")).toBe(exitCode);
  });

  test("is let go of with the reason of the signal, whether the engine answers or not", async () => {
    const container = rig.fake.add("c", {});
    rig.fake.hold("GET", /^\/containers\/\w+\/json$/);
    const stop = new AbortController();
    const waiting = watcher.until(container.id, ended, stop.signal).catch((error: unknown) => error);
    await rig.fake.http.seen("GET", `/containers/${container.id}/json`);
    const reason = new Error("cancelled");
    stop.abort(reason);
    expect(await within(waiting, "the wait to end")).toBe(reason);
    expect(() => watcher.until(container.id, ended, stop.signal)).toThrow(reason);
  });
});

test("a watcher that is let go of closes its stream", async () => {
  const container = rig.fake.add("c", {});
  // It ends with the engine's client.
  watcher.until(container.id, ended, signal).catch(() => {});
  await attended();
  watcher[Symbol.dispose]();
  await within(
    rig.fake.until(() => rig.fake.listening === 0),
    "the stream to close",
  );
});

describe("many containers", () => {
  test("have a stream although the last one's end was about to close it", async () => {
    const [one, other] = [rig.fake.add("one", {}), rig.fake.add("other", {})];
    jest.useFakeTimers();
    const first = watcher.until(one.id, ended, signal);
    await rig.fake.until(() => rig.fake.listening === 1);
    rig.fake.end(one, 1);
    expect(await first).toBe(1);
    const second = watcher.until(other.id, ended, signal);
    jest.advanceTimersByTime(10_000);
    jest.useRealTimers();
    rig.fake.end(other, 2);
    expect(await within(second, "the end")).toBe(2);
  });

  test("are waited for over one stream", async () => {
    const containers = Array.from({ length: 300 }, (_, index) => rig.fake.add(`c${index}`, {}));
    const waiting = containers.map(({ id }) => watcher.until(id, ended, signal));
    await within(
      eventually(() => looks() >= 300 && rig.fake.listening === 1, "everyone to be looked at"),
      "the looks",
    );
    for (const [index, container] of containers.entries()) rig.fake.end(container, index % 100);
    expect(await within(Promise.all(waiting), "all ends")).toEqual(containers.map((_, index) => index % 100));
    expect(streams()).toBe(1);
  });

  test("one after the other use one stream, which is closed when none has come for long", async () => {
    for (const name of ["a", "b"]) {
      const container = rig.fake.add(name, {});
      const waiting = watcher.until(container.id, ended, signal);
      await rig.fake.until(() => rig.fake.listening === 1);
      if (name === "b") jest.useFakeTimers();
      rig.fake.end(container, 0);
      await waiting;
    }
    expect(streams()).toBe(1);
    jest.advanceTimersByTime(10_000);
    jest.useRealTimers();
    await within(
      rig.fake.until(() => rig.fake.listening === 0),
      "the stream to close",
    );
    const container = rig.fake.add("c", {});
    const waiting = watcher.until(container.id, ended, signal);
    await within(
      rig.fake.until(() => rig.fake.listening === 1),
      "a new stream",
    );
    rig.fake.end(container, 1);
    expect(await within(waiting, "the end")).toBe(1);
  });
});
