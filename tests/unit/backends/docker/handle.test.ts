import { describe, expect, test } from "bun:test";
import { newHandle, readHandle, writeHandle } from "../../../../src/backends/docker/handle.ts";

describe("a Docker task's handle", () => {
  test("is read as it was written", () => {
    const result = { exitCode: 3, oomKilled: true, finishedAt: 5 };
    for (const handle of [newHandle("c"), { ...newHandle("c"), id: "abc", started: true, result }]) {
      expect(readHandle(JSON.parse(JSON.stringify(writeHandle(handle))))).toEqual(handle);
    }
  });

  test("of a version that kept no id is read without one", () => {
    const { id: _, ...older } = writeHandle({ ...newHandle("c"), id: "abc", started: true });
    expect(readHandle(older)).toEqual({ ...newHandle("c"), started: true });
  });

  test("knows all who may have marked it, and those of older versions the last", () => {
    const saved = writeHandle({ ...newHandle("c"), settlers: ["a", "b", "c"] });
    expect(readHandle(saved)?.settlers).toEqual(["a", "b", "c"]);
    expect(saved["settler"]).toBe("c");
    const { settledBefore: _, ...older } = saved;
    expect(readHandle(older)?.settlers).toEqual(["c"]);
  });

  test("of another backend is none", () => {
    expect(readHandle({ pid: 5 })).toBeNull();
    expect(readHandle(null)).toBeNull();
  });
});
