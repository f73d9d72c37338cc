import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { HeapKeeper } from "../../../src/runtime/heap-keeper.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("what a start left is collected when it is over, unless tasks are there by then", () => {
  const collections = [0, 1].map((active) => {
    let count = 0;
    using _heap = new HeapKeeper(
      () => active,
      () => {
        count += 1;
      },
    );
    jest.advanceTimersByTime(60_000);
    return count;
  });
  expect(collections).toEqual([1, 0]);
});

test("the heap is collected once for many tasks that follow each other, and once more when it is quiet", () => {
  let collections = 0;
  let active = 1;
  using heap = new HeapKeeper(
    () => active,
    () => {
      collections += 1;
    },
  );
  for (let task = 0; task < 1_499; task++) heap.taskEnded();
  expect(collections).toBe(2);
  jest.advanceTimersByTime(60_000);
  expect(collections).toBe(2);
  active = 0;
  heap.taskEnded();
  expect(collections).toBe(3);
  jest.advanceTimersByTime(60_000);
  expect(collections).toBe(4);
});
