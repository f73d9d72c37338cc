/** What a container's end means for its task; engines say it in many ways, and not all of them can be had here. */
import { describe, expect, test } from "bun:test";
import {
  endOf,
  failureOf,
  hasBegun,
  isBeingRemoved,
  isForgotten,
  isRestarting,
  mayBeStopping,
  stopOf,
} from "../../../../src/backends/docker/container-end.ts";
import { readContainerState } from "../../../../src/backends/docker/engine/container-state.ts";
import { newHandle } from "../../../../src/backends/docker/handle.ts";

const stateOf = (Status: string, ExitCode = 0, Running = false) =>
  readContainerState({ Id: "c", State: { Status, ExitCode, Running } }, "c");

describe("a container", () => {
  test.each(["exited", "dead", "removing", "stopped"])("that is %s has ended", (status) => {
    const state = stateOf(status);
    expect(endOf(state)).toEqual({ state });
  });

  // Podman's "stopping" shows exit status 0, which once was taken for that of a task that ended well.
  test.each(["created", "configured", "running", "paused", "restarting", "stopping"])(
    "that is %s has not",
    (status) => {
      expect(endOf(stateOf(status))).toBeNull();
    },
  );

  test("whose process runs has not ended, whatever else is said of it", () => {
    expect(endOf(stateOf("removing", 0, true))).toBeNull();
  });

  test("that is gone has ended", () => {
    expect(endOf(null)).toEqual({ state: null });
  });

  test.each([
    ["removing", 137, true],
    ["removing", 0, false],
    ["removing", 3, false],
    ["exited", 137, false],
  ])("that is %s with status %d was killed to be removed: %p", (status, exitCode, expected) => {
    expect(isBeingRemoved(stateOf(status, exitCode))).toBe(expected);
  });
});

describe("a container of which nobody says what it is, but whether it runs,", () => {
  const read = (State: object) => readContainerState({ Id: "c", State: { ExitCode: 3, ...State } }, "c");

  test.each([
    ["runs", { Running: true }, "running"],
    ["has ended", { Running: false }, "exited"],
    ["has yet to begin", { Running: false, StartedAt: "0001-01-01T00:00:00Z" }, "created"],
  ])("%s", (_what, state, status) => {
    expect(read(state).status).toBe(status);
  });

  test("is one of which nobody knows when not even that is said, or the word for it is empty", () => {
    for (const state of [{}, { Status: "", Running: false }])
      expect(() => read(state)).toThrow("without the container's status");
  });
});

/** Of an engine that leaves out when; a task that had ended well was called one that had not begun, and safe to retry. */
describe("a container of which nobody says when it was started", () => {
  test.each(["running", "paused", "restarting", "stopping", "exited", "stopped"])(
    "has begun when it is %s",
    (status) => {
      expect(hasBegun(stateOf(status))).toBe(true);
    },
  );

  test.each(["created", "configured", "initialized", "removing", "dead"])(
    "may not have when it is %s, and runs once it does",
    (status) => {
      expect(hasBegun(stateOf(status))).toBe(false);
      expect(hasBegun(stateOf(status, 0, true))).toBe(true);
    },
  );

  test("has when it ran, whatever it is now", () => {
    const State = { Status: "created", ExitCode: 0, StartedAt: "2026-01-01T00:00:00Z" };
    expect(hasBegun(readContainerState({ Id: "c", State }, "c"))).toBe(true);
  });
});

/** What podman 4.3 and later ones make of what ran when its host was started anew. */
describe("a container that ran, and of which the engine does not know how it ended,", () => {
  const StartedAt = "2026-01-01T00:00:00Z";
  const state = (fields: object) =>
    readContainerState({ Id: "c", State: { ExitCode: 0, StartedAt, ...fields } }, "c");

  test.each([
    ["is as if it had yet to begin", { Status: "created" }],
    ["is as if it had yet to be made", { Status: "configured" }],
    ["has ended with 0, at no time", { Status: "exited", FinishedAt: "0001-01-01T00:00:00Z" }],
  ])("%s: it has ended all the same, and not well", (_how, fields) => {
    const seen = state(fields);
    expect(endOf(seen)).toEqual({ state: seen });
    expect(isForgotten(seen, false)).toBe(true);
  });

  test("that was followed all the time has ended well, though its engine never says when", () => {
    const seen = state({ Status: "exited", FinishedAt: "0001-01-01T00:00:00Z" });
    expect(isForgotten(seen, true)).toBe(false);
    expect(isForgotten(state({ Status: "created" }), true)).toBe(true);
  });

  test.each([
    ["ended well", { Status: "exited", FinishedAt: "2026-01-01T00:00:01Z" }],
    [
      "failed at a time that nobody noted",
      { Status: "exited", ExitCode: 255, FinishedAt: "0001-01-01T00:00:00Z" },
    ],
    ["ended, and of whose time nothing is said", { Status: "exited" }],
    ["is paused", { Status: "paused" }],
    ["is being stopped", { Status: "stopping" }],
    ["runs", { Status: "running", Running: true }],
    ["has not begun", { Status: "created", StartedAt: "0001-01-01T00:00:00Z" }],
  ])("is not one that %s", (_how, fields) => {
    expect(isForgotten(state(fields), false)).toBe(false);
  });
});

test("a container that its engine is about to run once more has ended, if it ran", () => {
  const State = { Status: "restarting", Running: true, Restarting: true, ExitCode: 7 };
  const ran = readContainerState({ Id: "c", State: { ...State, StartedAt: "2026-01-01T00:00:00Z" } }, "c");
  expect(endOf(ran)).toEqual({ state: ran });
  expect(isRestarting(ran)).toBe(true);
  expect(endOf(readContainerState({ Id: "c", State }, "c"))).toBeNull();
});

const GRACE_MS = 10_000;
const STOPPED_AT = 1_000_000;
const stopping = { ...newHandle("c"), started: true, stopping: true, stoppedAt: STOPPED_AT };

test("an engine may be at a stop for a minute longer than the grace period", () => {
  const lastMs = STOPPED_AT + GRACE_MS + 60_000;
  expect(mayBeStopping(stopping, lastMs, GRACE_MS)).toBe(true);
  expect(mayBeStopping(stopping, lastMs + 1, GRACE_MS)).toBe(false);
  expect(mayBeStopping({ ...stopping, stoppedAt: null }, lastMs + 1, GRACE_MS)).toBe(true);
  const never = { ...stopping, stopping: false, stoppedAt: null };
  expect(mayBeStopping(never, lastMs, GRACE_MS)).toBe(false);
});

describe("the end of a task that an earlier worker was stopping", () => {
  const result = { exitCode: 0, oomKilled: false, finishedAt: STOPPED_AT };

  test.each([
    ["well, in that moment", {}],
    ["well, within the grace period", { finishedAt: STOPPED_AT + GRACE_MS }],
    ["by the stop's own signal", { exitCode: 143, finishedAt: STOPPED_AT + GRACE_MS }],
    ["by the kill that ends a grace period, late", { exitCode: 137, finishedAt: STOPPED_AT + 60_000 }],
    ["by a kill, nobody knows when", { exitCode: 137, finishedAt: null }],
  ])("is that one's: %s", (_how, more) => {
    expect(stopOf(stopping, { ...result, ...more }, GRACE_MS)).toMatchObject({ why: "shutdown" });
    const timeUp = { ...stopping, stopping: false };
    expect(stopOf(timeUp, { ...result, ...more }, GRACE_MS)).toMatchObject({ why: "timeout" });
  });

  test.each([
    ["well, before it was told", { finishedAt: STOPPED_AT - 1 }],
    ["well, long after its grace period", { finishedAt: STOPPED_AT + 2 * GRACE_MS }],
    ["well, nobody knows when", { finishedAt: null }],
    ["with a failure of its own meanwhile", { exitCode: 3 }],
    ["for want of memory", { exitCode: 137, oomKilled: true }],
    ["by somebody's kill long before", { exitCode: 137, finishedAt: STOPPED_AT - 60_000 }],
    ["by somebody's kill hours later", { exitCode: 137, finishedAt: STOPPED_AT + 3_600_000 }],
  ])("is its own: %s", (_how, more) => {
    expect(stopOf(stopping, { ...result, ...more }, GRACE_MS)).toBeNull();
  });
});

describe("the failure of a container", () => {
  const result = { exitCode: 1, oomKilled: false, finishedAt: null };

  test.each([
    [1, null, "", "the container exited with status 1"],
    [1, "no", "", "the container exited with status 1; its last output: no"],
    [126, null, "", "the container exited with status 126 (its command cannot be executed)"],
    [137, null, "", "the container exited with status 137 (killed)"],
    [143, null, "", "the container exited with status 143 (terminated)"],
    [
      255,
      null,
      "",
      "the container exited with status 255 (or Docker does not know it: it says that of what ended while it was not running)",
    ],
    [1, "no", "broken", "the container exited with status 1; the engine says: broken; its last output: no"],
  ])("with status %d, output %p and the engine's words %p says so", (exitCode, quote, words, message) => {
    expect(failureOf({ ...result, exitCode }, quote, words)).toMatchObject({
      reason: "container_exit",
      message,
      exitCode,
    });
  });

  test("is none for status 0", () => {
    expect(failureOf({ ...result, exitCode: 0 }, "bye", "")).toBeNull();
  });
});
