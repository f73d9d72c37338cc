import { expect, test } from "bun:test";
import { type DispatchHandle, readHandle, writeHandle } from "../../../../src/backends/command/handle.ts";

const process = { pid: 7, startedAt: "123", bootId: "boot" };
const shim = { pid: 6, startedAt: "120", bootId: "boot" };

test.each<[string, DispatchHandle]>([
  ["before the start", { exitFile: "/state/x", deadline: 5, ending: null, process: null }],
  ["of a dispatch that runs", { exitFile: "/state/x", deadline: 5, ending: null, process }],
  ["of one whose shim is known", { exitFile: "/x", deadline: 5, ending: null, process, shim }],
  ["of one that was told to end", { exitFile: "/state/x", deadline: 5, ending: "shutdown", process }],
  ["of one that was over time", { exitFile: "/state/x", deadline: 5, ending: "over-time", process }],
  ["of one that ran too long", { exitFile: "/state/x", deadline: 5, ending: "timeout", process }],
  ["without a state folder", { exitFile: null, deadline: 5, ending: null, process }],
])("a handle %s is read as it was written, through JSON", (_what, handle) => {
  expect(readHandle(JSON.parse(JSON.stringify(writeHandle(handle))))).toEqual(handle);
});

test.each([
  ["none", null],
  ["another backend's", { dir: "/ws/t", pid: 7 }],
  ["an odd deadline", { exitFile: "/x", deadline: "soon", pid: 7 }],
])("%s is no handle", (_what, handle) => {
  expect(readHandle(handle)).toBeNull();
});

test.each([0, 1, -1, "7", null, true])("the pid %p is no process's", (pid) => {
  expect(readHandle({ exitFile: "/x", deadline: 1, pid, startedAt: "1", bootId: "b" })?.process).toBeNull();
});
