import { describe, expect, test } from "bun:test";
import {
  agentEnvironment,
  harnessFolder,
  hookEnvironment,
  markOf,
} from "../../../../src/backends/direct/environment.ts";

const workspace = { dir: "/ws/t", made: true, scratchDir: null, gitConfig: "/ws/t/.gitconfig" };
const worker = {
  HOME: "/home/w",
  TMPDIR: "/tmp",
  PATH: "/bin",
  WARP_API_KEY: "secret",
  BUN_OPTIONS: "--inspect",
  BUN_INSTALL: "/x",
  DENO_DIR: "/x",
  AWS_SECRET: "secret",
};
const parts = { worker, task: {}, harness: "", workspace, fromSetup: {} };
const OWN = {
  HOME: "/home/w",
  TMPDIR: "/tmp",
  PATH: "/bin",
  PWD: "/ws/t",
  GIT_CONFIG_GLOBAL: "/ws/t/.gitconfig",
};

describe("the agent's environment", () => {
  test("has of the worker's own what a process needs to run and nothing else", () => {
    expect(agentEnvironment(parts)).toEqual(OWN);
  });

  test("does not make up what the worker does not have", () => {
    expect(agentEnvironment({ ...parts, worker: { PATH: "/bin" } })).toEqual({
      PATH: "/bin",
      PWD: "/ws/t",
      GIT_CONFIG_GLOBAL: "/ws/t/.gitconfig",
    });
  });

  test.each([
    ["claude", { CLAUDE_CONFIG_DIR: "/ws/t/.claude" }],
    ["codex", { CODEX_HOME: "/ws/t/.codex" }],
    ["oz", {}],
    ["", {}],
    ["Claude", {}],
    ["constructor", {}],
    ["__proto__", {}],
  ])("for the harness %j has %j more", (harness, more) => {
    expect(agentEnvironment({ ...parts, harness })).toEqual({ ...OWN, ...more });
  });

  test.each<[string, Partial<typeof parts>, string, string | undefined]>([
    ["the task over the worker", { task: { PATH: "/task" } }, "PATH", "/task"],
    ["setup over the task", { task: { A: "task" }, fromSetup: { A: "setup" } }, "A", "setup"],
    ["setup over the worker", { fromSetup: { PATH: "/setup" } }, "PATH", "/setup"],
    [
      "the harness folder over the task",
      { task: { CODEX_HOME: "x" }, harness: "codex" },
      "CODEX_HOME",
      "/ws/t/.codex",
    ],
    [
      "setup over the harness folder",
      { fromSetup: { CODEX_HOME: "x" }, harness: "codex" },
      "CODEX_HOME",
      "x",
    ],
    [
      "git's own file over setup",
      { fromSetup: { GIT_CONFIG_GLOBAL: "x" } },
      "GIT_CONFIG_GLOBAL",
      "/ws/t/.gitconfig",
    ],
    [
      "git's own file over the task",
      { task: { GIT_CONFIG_GLOBAL: "x" } },
      "GIT_CONFIG_GLOBAL",
      "/ws/t/.gitconfig",
    ],
  ])("puts %s", (_what, changed, name, value) => {
    expect(agentEnvironment({ ...parts, ...changed })[name]).toBe(value ?? "");
  });

  test("carries the mark by which its processes are found", () => {
    expect(markOf(workspace)).toBe(`GIT_CONFIG_GLOBAL=${agentEnvironment(parts)["GIT_CONFIG_GLOBAL"]}`);
  });
});

test.each([
  ["claude", "/d/.claude"],
  ["codex", "/d/.codex"],
  ["oz", null],
  ["toString", null],
])("the harness %s keeps its settings in %p", (harness, folder) => {
  expect(harnessFolder(harness, "/d")).toBe(folder);
});

describe("a hook's environment", () => {
  const hook = {
    worker,
    task: { TASK_ID: "t", PATH: "/task" },
    taskId: "t",
    workspaceDir: "/ws/t",
    environmentFile: "/s/env",
  };

  test("is the worker's whole one but for BUN_*, then the task's, then its own", () => {
    expect(hookEnvironment(hook)).toEqual({
      HOME: "/home/w",
      TMPDIR: "/tmp",
      WARP_API_KEY: "secret",
      AWS_SECRET: "secret",
      DENO_DIR: "/x",
      PATH: "/task",
      TASK_ID: "t",
      PWD: "/ws/t",
      OZ_WORKSPACE_ROOT: "/ws/t",
      OZ_WORKER_BACKEND: "direct",
      OZ_RUN_ID: "t",
      OZ_ENVIRONMENT_FILE: "/s/env",
    });
  });

  test("cannot be told by a task that it works elsewhere", () => {
    const task = { OZ_RUN_ID: "x", OZ_ENVIRONMENT_FILE: "/etc/passwd", OZ_WORKSPACE_ROOT: "/" };
    expect(hookEnvironment({ ...hook, task })).toMatchObject({
      OZ_RUN_ID: "t",
      OZ_ENVIRONMENT_FILE: "/s/env",
      OZ_WORKSPACE_ROOT: "/ws/t",
    });
  });

  // "`BUN_*` variables never reach a child": what the server puts into a task's own is the task's, not the worker's.
  test("has a BUN_* variable only when the task brings it", () => {
    expect(hookEnvironment({ ...hook, task: { BUN_X: "1" } })["BUN_X"]).toBe("1");
  });
});
