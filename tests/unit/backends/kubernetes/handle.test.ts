import { expect, test } from "bun:test";
import { type JobHandle, readHandle, writeHandle } from "../../../../src/backends/kubernetes/run/handle.ts";

const HANDLE: JobHandle = {
  namespace: "default",
  job: "oz-task-t-1",
  uid: "uid-1",
  ready: true,
  instance: "me",
  formerInstance: "before",
  stopping: null,
};

test.each<[string, Partial<JobHandle>]>([
  ["that runs", {}],
  ["that the API server had not taken yet", { uid: null, ready: false, formerInstance: null }],
  ["that its user had cancelled", { stopping: "cancelled" }],
  ["whose time was up", { stopping: "timeout" }],
])("a Job %s is found again as it was written down", (_which, more) => {
  const handle = { ...HANDLE, ...more };
  expect(readHandle(writeHandle(handle))).toEqual(handle);
});

test("what another backend or another version wrote is no Job's", () => {
  expect(readHandle(null)).toBeNull();
  for (const name of ["namespace", "job", "instance"])
    expect(readHandle({ ...writeHandle(HANDLE), [name]: null })).toBeNull();
  const later = { ...writeHandle(HANDLE), ready: "yes", uid: 7, formerInstance: 7, stopping: "shutdown" };
  const known = { ...HANDLE, uid: null, ready: false, formerInstance: null, stopping: null };
  expect(readHandle(later)).toEqual(known);
});
