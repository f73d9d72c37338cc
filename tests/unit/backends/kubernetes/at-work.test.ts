import { expect, test } from "bun:test";
import { isAtWork } from "../../../../src/backends/kubernetes/verdict/containers.ts";
import { ended, type PodFields, pod, running } from "./cluster-objects.ts";

test.each<[string, boolean, PodFields]>([
  ["that has no containers yet", true, { phase: "Pending" }],
  ["whose agent runs", true, { init: [ended(0, { name: "setup" })], main: [running()] }],
  ["whose agent runs, beside one that has failed", true, { main: [running(), ended(1, { name: "mesh" })] }],
  ["whose agent has ended", false, { main: [ended(3), running("mesh")] }],
  ["whose agent will not begin", false, { phase: "Pending", init: [ended(1, { name: "setup" })] }],
  ["that has ended", false, { phase: "Failed" }],
  ["that is being ended", false, { beingDeleted: true }],
])("of a pod %s it is true that it is at work, or not: %p", (_which, expected, fields) => {
  expect(isAtWork(pod(fields))).toBe(expected);
});
