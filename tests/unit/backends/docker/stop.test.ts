import { afterEach, beforeEach, describe, expect, jest, spyOn, test } from "bun:test";
import { turns } from "../../../../src/async/wait.ts";
import { EngineError, EngineGone } from "../../../../src/backends/docker/engine/errors.ts";
import { stopContainer } from "../../../../src/backends/docker/stop.ts";

const GRACE_MS = 10_000;
/** The grace, and what an engine may take beyond it before it counts as stuck. */
const STUCK_AFTER_MS = 25_000;

let hurry: AbortController;
let asked: string[];
let graces: number[];
let find: (signal: AbortSignal) => Promise<null>;
let kill: () => Promise<void>;
let stop: (signal: AbortSignal) => Promise<void>;
let random: ReturnType<typeof spyOn>;

beforeEach(() => {
  jest.useFakeTimers();
  // Of the jitter the middle: a pause of up to a minute is half of one.
  random = spyOn(Math, "random").mockReturnValue(0.5);
  hurry = new AbortController();
  asked = [];
  graces = [];
  find = async () => null;
  kill = () => Promise.reject(new EngineError(500, "permission denied"));
  stop = (signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
});

afterEach(() => {
  random.mockRestore();
  jest.useRealTimers();
});

const begin = () =>
  stopContainer(
    {
      find: (_id, signal) => find(signal),
      stop: (_id, seconds, signal) => {
        asked.push("stop");
        graces.push(seconds);
        return stop(signal);
      },
      kill: () => {
        asked.push("kill");
        return kill();
      },
    },
    { id: "c", graceMs: GRACE_MS, hurry: hurry.signal, onStuck: () => asked.push("stuck") },
  ).then(
    () => "stopped",
    (error: unknown) => error,
  );

async function pass(ms: number): Promise<readonly string[]> {
  await turns(1);
  jest.advanceTimersByTime(ms);
  await turns(1);
  return asked;
}

describe("the stop of a container", () => {
  // Asked without a pause, or by all tasks at once, an engine in trouble has more of it.
  test("is asked for again by an engine that is away, after a pause that is another one for each task", async () => {
    stop = () => Promise.reject(new EngineGone("cut"));
    const stopping = begin();
    expect(await pass(249)).toEqual(["stop"]);
    expect(await pass(1)).toEqual(["stop", "stop"]);
    expect(await pass(499)).toEqual(["stop", "stop"]);
    stop = async () => {};
    expect(await pass(1)).toEqual(["stop", "stop", "stop"]);
    expect(await stopping).toBe("stopped");
  });

  // The stop waited for that look: after the grace came SIGKILL, and no agent had heard of SIGTERM.
  test("is asked for where the engine hangs in telling how the container is", async () => {
    find = (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    stop = async () => {};
    const stopping = begin();
    expect(await pass(2_999)).toEqual([]);
    expect(await pass(1)).toEqual(["stop"]);
    expect(await stopping).toBe("stopped");
  });

  test.each([
    ["half an answer", new EngineGone("cut")],
    ["a page", new EngineError(404, "Not found", true)],
    ["a refusal", new EngineError(403, "denied")],
  ])("is asked for at once where %s is all that tells how the container is", async (_what, answer) => {
    find = () => Promise.reject(answer);
    stop = async () => {};
    expect(await begin()).toBe("stopped");
    expect(asked).toEqual(["stop"]);
  });

  // Back after 20 s, it was asked for a stop without any grace; and told to kill 5 s later, as if it were stuck.
  test("has its whole grace from an engine that cannot be reached at first", async () => {
    find = () => Promise.reject(new EngineGone("refused", { code: "ECONNREFUSED" }));
    const stopping = begin();
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 500) expect(await pass(500)).toEqual([]);
    find = async () => null;
    expect(await pass(500)).toEqual(["stop"]);
    expect(graces).toEqual([GRACE_MS / 1_000]);
    expect(await pass(STUCK_AFTER_MS - 1)).toEqual(["stop"]);
    hurry.abort();
    expect(await stopping).toBeInstanceOf(EngineError);
  });

  test("becomes a kill every now and then while the engine, stuck, refuses that", async () => {
    const stopping = begin();
    expect(await pass(STUCK_AFTER_MS - 1)).toEqual(["stop"]);
    expect(await pass(1)).toEqual(["stop", "stuck", "kill"]);
    expect(await pass(29_999)).toEqual(["stop", "stuck", "kill"]);
    kill = async () => {};
    expect(await pass(1)).toEqual(["stop", "stuck", "kill", "kill"]);
    expect(await stopping).toBe("stopped");
    expect(asked).toEqual(["stop", "stuck", "kill", "kill"]);
  });

  // Nobody had said that it does not run any more.
  test("is not said to have come when time runs out on a stuck engine that refuses the last kill too", async () => {
    const stopping = begin();
    await pass(STUCK_AFTER_MS);
    hurry.abort();
    expect(await stopping).toEqual(new EngineError(500, "permission denied"));
    expect(asked).toEqual(["stop", "stuck", "kill", "kill"]);
  });

  test("leaves nothing behind that would go on asking, or call the engine stuck", async () => {
    stop = async () => {};
    expect(await begin()).toBe("stopped");
    expect(await pass(600_000)).toEqual(["stop"]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
