import { expect, test } from "bun:test";
import { nearest, suggestion } from "../../../src/config/nearest.ts";

const KNOWN = ["worker_id", "cleanup", "max_concurrent_tasks", "log_level", "backend", "command", "ca_file"];

const TABLE: readonly [string, string | null][] = [
  ["workerid", "worker_id"],
  ["workerId", "worker_id"],
  ["worker-id", "worker_id"],
  ["wroker_id", "worker_id"],
  ["max_concurent_task", "max_concurrent_tasks"],
  ["max", "max_concurrent_tasks"],
  ["ma", null],
  ["clnup", "cleanup"],
  ["backends", "backend"],
  ["colour", null],
  // Once: "did you mean command?" was told who asked for podman, for want of anything nearer.
  ["podman", null],
  ["xyz", null],
  ["", null],
];

test.each(TABLE)("for %p the nearest known name is %p", (given, expected) => {
  expect(nearest(given, KNOWN)).toBe(expected);
});

test("a suggestion is part of a sentence, or nothing", () => {
  expect(suggestion("workerid", KNOWN)).toBe(' (did you mean "worker_id"?)');
  expect(suggestion("zzz", KNOWN)).toBe("");
});
