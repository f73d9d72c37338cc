import { expect, test } from "bun:test";
import { UnprovenEnds } from "../../../src/task/unproven-ends.ts";

test("an end is told once it is proven, in its turn, and at once where there is no report to prove", () => {
  const told: string[] = [];
  const ends = new UnprovenEnds(({ taskId }) => void told.push(taskId));
  const add = (taskId: string, seq: number | null) => ends.add({ taskId, executionId: "" }, seq);
  add("a", 2);
  add("b", 5);
  add("handed off", null);
  add("c", 7);
  expect(told).toEqual(["handed off"]);
  ends.provenUpTo(1);
  ends.provenUpTo(5);
  ends.provenUpTo(5);
  expect(told).toEqual(["handed off", "a", "b"]);
  ends.provenUpTo(9);
  expect(told).toEqual(["handed off", "a", "b", "c"]);
});
