import { describe, expect, test } from "bun:test";
import { allTogether, together } from "../../../src/async/together.ts";
import { never, turns } from "../../../src/async/wait.ts";

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

/** Ends when its signal fires, a little later, as one that has to tidy up. */
function obedient() {
  const state = { stopped: false };
  const run = async (signal: AbortSignal): Promise<never> => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await turns(2);
    state.stopped = true;
    throw signal.reason;
  };
  return { run, state };
}

describe("two pieces of work", () => {
  test("give what both give", async () => {
    expect(
      await together(
        async () => 1,
        async () => "b",
        never(),
      ),
    ).toEqual([1, "b"]);
  });

  test.each(["first", "second"])(
    "fail with the failure of the %s, once the other has come to rest",
    async (who) => {
      const { run, state } = obedient();
      const failure = new Error("no");
      const failing = async (): Promise<never> => {
        throw failure;
      };
      const work = who === "first" ? together(failing, run, never()) : together(run, failing, never());
      expect(await outcome(work)).toEqual({ error: failure });
      expect(state.stopped).toBe(true);
    },
  );

  test("fail with the failure that came first", async () => {
    const first = new Error("first");
    const late = async (signal: AbortSignal): Promise<never> => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      throw new Error("second");
    };
    const early = async (): Promise<never> => {
      throw first;
    };
    expect(await outcome(together(late, early, never()))).toEqual({ error: first });
  });

  test("end with the reason of the signal, once both have come to rest", async () => {
    const [one, other] = [obedient(), obedient()];
    const stop = new AbortController();
    const work = outcome(together(one.run, other.run, stop.signal));
    await turns(1);
    const reason = new Error("cancelled");
    stop.abort(reason);
    expect(await work).toEqual({ error: reason });
    expect([one.state.stopped, other.state.stopped]).toEqual([true, true]);
  });

  test("end with the reason of a signal that fired before they could", async () => {
    const stop = new AbortController();
    const reason = new Error("cancelled");
    const work = async () => {
      stop.abort(reason);
      return 1;
    };
    expect(await outcome(together(work, work, stop.signal))).toEqual({ error: reason });
  });
});

describe("any number of pieces of work", () => {
  test("give what each gives, in their order", async () => {
    const works = [1, 2, 3].map((number) => async () => {
      await turns(3 - number);
      return number;
    });
    expect(await allTogether(works, never())).toEqual([1, 2, 3]);
    expect(await allTogether([], never())).toEqual([]);
  });

  test("fail with the first failure, once all the others have come to rest", async () => {
    const others = [obedient(), obedient()];
    const failure = new Error("no");
    const failing = async (): Promise<never> => {
      throw failure;
    };
    const works = [...others.map(({ run }) => run), failing];
    expect(await outcome(allTogether(works, never()))).toEqual({ error: failure });
    expect(others.map(({ state }) => state.stopped)).toEqual([true, true]);
  });
});
