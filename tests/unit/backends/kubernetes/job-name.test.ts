import { describe, expect, test } from "bun:test";
import {
  executionHashOf,
  labelsOf,
  labelValueOf,
  workerHashOf,
} from "../../../../src/backends/kubernetes/job/labels.ts";
import { jobNameOf } from "../../../../src/backends/kubernetes/job/name.ts";

const LONG = "abcdefghij".repeat(10);

describe("the name of a Job", () => {
  test.each([
    ["t-1", "exec-t-1", "oz-task-t-1-exec-exec-t-1"],
    ["Task_ONE", "Exec/ABCDEFGH", "oz-task-task-one-exec-abcdefgh"],
    [
      "3f0c9f9e-7d57-4a51-9c3d-0a4f1c3f9b11",
      "e-12345678",
      "oz-task-3f0c9f9e-7d57-4a51-9c3d-0a4f1c3f9b11-exec-12345678",
    ],
    // Without an execution id the task's stands for it.
    ["task-12345", "", "oz-task-task-12345-exec-sk-12345"],
    // What is cut off leaves no dash at the seam.
    ["t", "12--__--__-", "oz-task-t-exec-exec"],
    ["--t--", "-a.b.c.-", "oz-task-t-exec-a-b-c"],
    ["äöü", "€", "oz-task-run-exec-exec"],
    [LONG, LONG, `oz-task-${LONG.slice(0, 41)}-exec-cdefghij`],
    [`${"a".repeat(40)}-b`, "12345678", `oz-task-${"a".repeat(40)}-exec-12345678`],
    [LONG, "e", `oz-task-${LONG.slice(0, 48)}-exec-e`],
  ])("of task %j and execution %j is %s", (taskId, executionId, name) => {
    expect(jobNameOf(taskId, executionId)).toBe(name);
    expect(name.length).toBeLessThanOrEqual(63);
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  });
});

describe("a label's value", () => {
  test.each([
    ["Worker One", "worker-one"],
    ["a.b_c-d", "a.b_c-d"],
    ["--.x._-", "x"],
    ["", "unknown"],
    ["***", "unknown"],
    ["Ünï", "n"],
    [LONG, LONG.slice(0, 63)],
    [`${"a".repeat(62)}.b`, "a".repeat(62)],
  ])("of %j is %s", (id, value) => {
    expect(labelValueOf(id)).toBe(value);
  });
});

test("the labels are the ids for people and their SHA-256 for selectors, over the operator's own", () => {
  const extraLabels = { team: "x", "oz-task-id": "mine", "oz-worker-hash": "mine" };
  expect(labelsOf({ workerId: "abc", taskId: "Task 1", executionId: "", extraLabels })).toEqual({
    team: "x",
    "oz-worker-id": "abc",
    "oz-task-id": "task-1",
    "oz-execution-id": "task-1",
    // The first 8 bytes of the well-known digest of "abc".
    "oz-worker-hash": "ba7816bf8f01cfea",
    "oz-task-hash": workerHashOf("Task 1"),
    "oz-execution-hash": workerHashOf("Task 1"),
  });
});

test("ids that look alike for people have hashes of their own", () => {
  expect(labelValueOf("A b")).toBe(labelValueOf("a-b"));
  expect(executionHashOf("t", "A b")).not.toBe(executionHashOf("t", "a-b"));
  expect(executionHashOf("t", "")).toBe(executionHashOf("other", "t"));
});
