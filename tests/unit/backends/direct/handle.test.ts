import { describe, expect, test } from "bun:test";
import { type DirectHandle, readHandle, writeHandle } from "../../../../src/backends/direct/handle.ts";

const workspace = { dir: "/ws/t", made: true, scratchDir: "/tmp/s", gitConfig: "/ws/t/.gitconfig" };
const identity = { pid: 42, startedAt: "123", bootId: "b" };
const RUNNING: DirectHandle = {
  workspace,
  harness: "",
  exitFile: "/x",
  begun: true,
  stopping: false,
  stoppedAt: null,
  process: identity,
};

describe("a handle", () => {
  test.each<[string, DirectHandle]>([
    [
      "of a running agent",
      {
        workspace,
        harness: "claude",
        exitFile: "/x/1",
        begun: true,
        stopping: false,
        stoppedAt: null,
        process: identity,
      },
    ],
    [
      "before its setup is over",
      {
        workspace,
        harness: "",
        exitFile: "/x/1",
        begun: false,
        stopping: false,
        stoppedAt: null,
        process: null,
      },
    ],
    [
      "of an agent that is asked for",
      {
        workspace,
        harness: "",
        exitFile: "/x/1",
        begun: true,
        stopping: false,
        stoppedAt: null,
        process: null,
      },
    ],
    [
      "of one that a worker which shut down has told to end",
      {
        workspace,
        harness: "",
        exitFile: "/x/1",
        begun: true,
        stopping: true,
        stoppedAt: 1_700_000_000_000,
        process: identity,
      },
    ],
    [
      "without a state folder",
      {
        workspace,
        harness: "",
        exitFile: null,
        begun: true,
        stopping: false,
        stoppedAt: null,
        process: identity,
      },
    ],
    [
      "in a target folder",
      {
        workspace: { ...workspace, made: false },
        harness: "",
        exitFile: null,
        begun: false,
        stopping: false,
        stoppedAt: null,
        process: null,
      },
    ],
    [
      "without a scratch folder",
      {
        workspace: { ...workspace, scratchDir: null },
        harness: "",
        exitFile: null,
        begun: false,
        stopping: false,
        stoppedAt: null,
        process: null,
      },
    ],
  ])("%s comes back from the journal's JSON as it was", (_what, handle) => {
    expect(readHandle(JSON.parse(JSON.stringify(writeHandle(handle))))).toEqual(handle);
  });

  test.each([
    [null],
    [{}],
    [{ containerId: "c" }],
    [{ dir: "/ws/t" }],
    [{ dir: 7, gitConfig: "/g" }],
    [{ dir: "/d", gitConfig: null }],
  ])("%j is not one of ours", (handle) => {
    expect(readHandle(handle)).toBeNull();
  });

  test("names the parent of its process, which is of the same boot", () => {
    const shim = { ...identity, pid: identity.pid - 1, startedAt: "7" };
    const handle = { ...RUNNING, shim };
    expect(readHandle(JSON.parse(JSON.stringify(writeHandle(handle))))).toEqual(handle);
  });

  test.each([[1], [0], [-1], ["42"], [null], [true], [Number.NaN]])(
    "with the pid %p names no process",
    (pid) => {
      const handle = readHandle({
        ...writeHandle(RUNNING),
        pid,
      });
      expect(handle?.process).toBeNull();
    },
  );

  test("with fields of other types reads them as absent, and a folder as not made here", () => {
    expect(
      readHandle({
        dir: "/d",
        gitConfig: "/g",
        made: "yes",
        scratchDir: 1,
        harness: false,
        exitFile: 0,
        pid: 9,
        startedAt: 5,
        bootId: null,
      }),
    ).toEqual({
      workspace: { dir: "/d", made: false, scratchDir: null, gitConfig: "/g" },
      harness: "",
      exitFile: null,
      begun: true,
      stopping: false,
      stoppedAt: null,
      process: { pid: 9, startedAt: "", bootId: "" },
    });
  });
});
