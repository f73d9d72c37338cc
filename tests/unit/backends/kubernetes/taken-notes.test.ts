import { expect, test } from "bun:test";
import {
  hasTakenNotes,
  isRefusedIn,
  isTakenIn,
  refusedNote,
  takenNotes,
} from "../../../../src/backends/kubernetes/ownership/taken-notes.ts";

const jobs = (count: number, first = 0) =>
  Array.from({ length: count }, (_, at) => ({
    metadata: { name: `oz-task-${first + at}`, uid: `u-${first + at}` },
  }));

test("a Job that was taken is known by its name and its uid, or by its name where that is all there is", () => {
  const lease = { metadata: { annotations: { other: "x", ...takenNotes(jobs(2)) } } };
  expect(isTakenIn(lease, "oz-task-1", "u-1")).toBe(true);
  expect(isTakenIn(lease, "oz-task-1", null)).toBe(true);
  expect(isTakenIn(lease, "oz-task-1", "another of its name")).toBe(false);
  expect(isTakenIn(lease, "oz-task-2", null)).toBe(false);
  expect(hasTakenNotes(lease)).toBe(true);
  expect(hasTakenNotes({ metadata: { annotations: { other: "x" } } })).toBe(false);
});

test("a Job that was refused to who wanted it was not taken, and is not noted again before it is", () => {
  const [job = {}, other = {}] = jobs(2);
  const lease = { metadata: { annotations: { ...takenNotes([job, other]), ...refusedNote(job) } } };
  for (const uid of ["u-0", null]) {
    expect(isTakenIn(lease, "oz-task-0", uid)).toBe(false);
    expect(isRefusedIn(lease, "oz-task-0", uid)).toBe(true);
  }
  expect(isRefusedIn(lease, "oz-task-0", "another of its name")).toBe(false);
  expect(isRefusedIn(lease, "oz-task-1", null)).toBe(false);
  expect(takenNotes([job, other], lease)).toEqual(takenNotes([other]));
});

test("a Lease is never given more notes than fit into it: the server would refuse it, and the take-over with it", () => {
  const first = takenNotes(jobs(900));
  expect(Object.keys(first)).toHaveLength(900);
  const lease = { metadata: { annotations: { other: "x", ...first } } };
  expect(Object.keys(takenNotes(jobs(200, 900), lease))).toHaveLength(100);
  const full = { metadata: { annotations: takenNotes(jobs(5_000)) } };
  expect(takenNotes(jobs(1, 5_000), full)).toEqual({});
});
