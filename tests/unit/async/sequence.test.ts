import { describe, expect, test } from "bun:test";
import { Sequence } from "../../../src/async/sequence.ts";
import { never, turns } from "../../../src/async/wait.ts";

describe("pieces of work in a sequence", () => {
  test("run one after the other, in the order of asking, whatever becomes of each", async () => {
    const sequence = new Sequence();
    const begun: string[] = [];
    const first = Promise.withResolvers<string>();
    const ask = (name: string, work: () => Promise<string>) =>
      sequence.next(() => {
        begun.push(name);
        return work();
      }, never());
    const one = ask("one", () => first.promise);
    const two = ask("two", () => Promise.reject(new Error("of no use")));
    const three = ask("three", async () => "done");
    await turns(5);
    expect(begun).toEqual(["one"]);
    first.resolve("at last");
    expect(await one).toBe("at last");
    await expect(two).rejects.toThrow("of no use");
    expect(await three).toBe("done");
    expect(begun).toEqual(["one", "two", "three"]);
  });

  test("are left by who does not want to wait, and the next one waits all the same", async () => {
    const sequence = new Sequence();
    const first = Promise.withResolvers<void>();
    const one = sequence.next(() => first.promise, never());
    const impatient = new AbortController();
    let ran = 0;
    const work = async () => void ran++;
    const two = sequence.next(work, impatient.signal);
    const three = sequence.next(work, never());
    impatient.abort(new Error("enough"));
    await expect(two).rejects.toThrow("enough");
    await turns(5);
    expect(ran).toBe(0);
    first.resolve();
    await one;
    await three;
    expect(ran).toBe(1);
  });
});
