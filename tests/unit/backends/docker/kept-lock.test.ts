import { afterEach, expect, jest, test } from "bun:test";
import { never, turns } from "../../../../src/async/wait.ts";
import { EngineError, EngineGone } from "../../../../src/backends/docker/engine/errors.ts";
import type { EngineLock, LockRequest } from "../../../../src/backends/docker/ownership/engine-lock.ts";
import { KeptLock } from "../../../../src/backends/docker/ownership/kept-lock.ts";
import { recordLog } from "../../logging/recorded-log.ts";

afterEach(() => jest.useRealTimers());

const request: LockRequest = { name: "oz-worker-claims-c", image: "i" };

/** The lock's container, which others may remove, and what a worker sees of it. */
class FakeLock {
  gone = Promise.withResolvers<void>();
  tries = 0;
  /** What the next tries bring; the same lock after them. */
  readonly answers: (Error | null)[] = [];

  readonly lock: EngineLock = { id: "lock", release: async () => this.gone.resolve() };

  whenGone = (_lock: unknown, signal: AbortSignal): Promise<void> => {
    const left = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => left.reject(signal.reason));
    return Promise.race([this.gone.promise, left.promise]);
  };

  tryTake = async (): Promise<EngineLock | null> => {
    this.tries += 1;
    const answer = this.answers.shift();
    if (answer instanceof Error) throw answer;
    return answer === undefined ? this.lock : answer;
  };
}

function keep() {
  jest.useFakeTimers();
  const fake = new FakeLock();
  const log = recordLog();
  return { fake, log, kept: new KeptLock(fake.lock, { locks: fake, request, log }) };
}

test("a lock that was let go of is not had again", async () => {
  const { fake, kept } = keep();
  await kept.release(never());
  await turns(10);
  expect(fake.tries).toBe(0);
});

test("a lock that is said to be gone, and is there, is asked for now and then", async () => {
  const { fake, kept } = keep();
  fake.gone.resolve();
  await turns(10);
  expect(fake.tries).toBe(1);
  jest.advanceTimersByTime(10_000);
  await turns(10);
  expect(fake.tries).toBe(2);
  await kept.release(never());
});

test.each([
  ["in trouble", new EngineError(500, "disk full")],
  ["away", new EngineGone("connection refused")],
])("a lock that an engine %s does not make again is asked for once more", async (_how, error) => {
  const { fake, log, kept } = keep();
  fake.answers.push(error);
  fake.gone.resolve();
  await turns(10);
  jest.advanceTimersByTime(10_000);
  await turns(10);
  expect([fake.tries, log.said()]).toEqual([2, []]);
  await kept.release(never());
});

test("a lock that another worker has by now is that one's, and the operator is told", async () => {
  const { fake, log, kept } = keep();
  fake.answers.push(null);
  fake.gone.resolve();
  await turns(10);
  jest.advanceTimersByTime(60_000);
  await turns(10);
  expect([fake.tries, log.said("warn")]).toEqual([
    1,
    ["another worker has taken the lock of a task that was taken over: it may be reported twice"],
  ]);
  await kept.release(never());
});
