/** What is kept of a process's output: its end, and whether that is all of it, for half a secret is none to be found. */
import { expect, test } from "bun:test";
import { OutputTail, TAIL_BYTES } from "../../../src/process/shim/output-tail.ts";

/** No two places of it that are near each other look the same. */
const textOf = (bytes: number) =>
  Array.from({ length: bytes }, (_, at) => String.fromCharCode(97 + ((at * at) % 26))).join("");

test.each([
  ["nothing", [], false],
  ["a word", [5], false],
  ["as much as is kept, at once", [TAIL_BYTES], false],
  ["as much as is kept, in two pieces", [1, TAIL_BYTES - 1], false],
  ["one more than that, at once", [TAIL_BYTES + 1], true],
  ["one more than that, first", [1, TAIL_BYTES], true],
  ["one more than that, last", [TAIL_BYTES, 1], true],
  ["much more, in small pieces", Array<number>(TAIL_BYTES).fill(3), true],
  ["much more, in large pieces", [3, 3 * TAIL_BYTES, 3], true],
])("of %s the end is kept, and told whether it was cut", (_what, pieces, cut) => {
  const tail = new OutputTail();
  const whole = textOf(pieces.reduce((sum, bytes) => sum + bytes, 0));
  let from = 0;
  for (const bytes of pieces) {
    tail.add(Buffer.from(whole.slice(from, from + bytes)));
    from += bytes;
  }
  expect(tail.read()).toEqual({ text: whole.slice(-TAIL_BYTES), cut });
});

test("a stream that breaks has ended, and what came until then is there", async () => {
  const tail = new OutputTail();
  await tail.follow(
    (async function* () {
      yield Buffer.from("said");
      throw new Error("reset");
    })(),
  );
  expect(tail.read()).toEqual({ text: "said", cut: false });
});
