/** The client with a shim of which each word and its end come when the test says so. */
import { afterEach, expect, jest, test } from "bun:test";
import { ShimClient } from "../../../src/process/shim/client.ts";
import type { FromShim, ToShim } from "../../../src/process/shim/protocol.ts";
import type { TalkingChild } from "../../../src/runtime/spawn.ts";

const COMMAND = { argv: ["/bin/true"], cwd: "/", env: {} };

class FakeShim implements TalkingChild {
  readonly pid = 0;
  readonly asked: ToShim[] = [];
  readonly #exited = Promise.withResolvers<number>();
  readonly #disconnected = Promise.withResolvers<void>();
  readonly #say: (event: FromShim) => void;

  constructor(say: (event: FromShim) => void) {
    this.#say = say;
  }

  get exited(): Promise<number> {
    return this.#exited.promise;
  }

  get disconnected(): Promise<void> {
    return this.#disconnected.promise;
  }

  /** Of what it was asked last. */
  say(event: { readonly event: "spawned" } | { readonly event: "exited"; readonly status: number }): void {
    const last = this.asked.findLast(({ op }) => op === "spawn");
    if (last?.op !== "spawn") throw new Error("It was asked for nothing");
    const { id } = last;
    this.#say(
      event.event === "spawned"
        ? { ...event, id, pid: 100 + id, startedAt: "1" }
        : { ...event, id, pid: 100 + id },
    );
  }

  async die(): Promise<void> {
    this.#exited.resolve(137);
    await this.#exited.promise;
  }

  async hangUp(): Promise<void> {
    this.#disconnected.resolve();
    await this.#disconnected.promise;
  }

  send(message: object): void {
    this.asked.push(message as ToShim);
  }

  disconnect(): void {}
  unref(): void {}
}

class Rig implements Disposable {
  readonly shims: FakeShim[] = [];
  readonly client = new ShimClient({ command: ["shim"], openFiles: 1024 }, (_command, onMessage) => {
    const shim = new FakeShim(onMessage);
    this.shims.push(shim);
    return shim;
  });

  get shim(): FakeShim {
    const shim = this.shims.at(-1);
    if (shim === undefined) throw new Error("No shim was started");
    return shim;
  }

  async spawn() {
    const spawning = this.client.spawn(COMMAND, "/exits/1");
    this.shim.say({ event: "spawned" });
    return await spawning;
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

afterEach(() => void jest.useRealTimers());

// A task that had ended well was reported as one whose end nobody knows.
test("an exit that the shim told before it was killed counts, although its death is noticed first", async () => {
  using rig = new Rig();
  const { exited } = await rig.spawn();
  const { shim } = rig;
  await shim.die();
  shim.say({ event: "exited", status: 3 });
  await shim.hangUp();
  expect(await exited).toEqual({ kind: "exited", status: 3 });
});

test("so does a start that it told, whose end is then lost", async () => {
  using rig = new Rig();
  const spawning = rig.client.spawn(COMMAND, "/exits/1");
  const { shim } = rig;
  await shim.die();
  shim.say({ event: "spawned" });
  await shim.hangUp();
  const { identity, exited } = await spawning;
  expect(identity.pid).toBe(101);
  expect(await exited).toEqual({ kind: "lost" });
});

test("what a dead shim has not told is lost once its channel is at its end", async () => {
  using rig = new Rig();
  const { exited } = await rig.spawn();
  const unheard = rig.client.spawn(COMMAND, "/exits/2").catch((error: unknown) => error);
  await rig.shim.hangUp();
  await rig.shim.die();
  expect(await exited).toEqual({ kind: "lost" });
  expect(await unheard).toMatchObject({ code: "ESHIM" });
});

test("a channel that does not come to its end holds nobody up for long", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const { exited } = await rig.spawn();
  await rig.shim.die();
  jest.advanceTimersByTime(1_000);
  expect(await exited).toEqual({ kind: "lost" });
});

test("what is started while the last words of a dead shim are awaited gets a shim of its own, and keeps it", async () => {
  using rig = new Rig();
  const first = await rig.spawn();
  const dead = rig.shim;
  await dead.die();
  const second = await rig.spawn();
  expect(rig.shims).toHaveLength(2);
  await dead.hangUp();
  expect(await first.exited).toEqual({ kind: "lost" });
  rig.shim.say({ event: "exited", status: 0 });
  expect(await second.exited).toEqual({ kind: "exited", status: 0 });
});
