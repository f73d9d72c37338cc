import { describe, expect, test } from "bun:test";
import type { DirectSettings, Settings } from "../../../src/config/settings.ts";
import { chooseTelemetry } from "../../../src/config/telemetry.ts";
import { builtInEnvironment, prepareTask } from "../../../src/task/prepare.ts";
import { sampleAssignment } from "./sample-assignment.ts";

function settings(environment: DirectSettings["environment"] = []): Settings {
  return {
    workerId: "w",
    key: { label: "test", shown: null, read: async () => "worker-key" },
    backend: {
      kind: "direct",
      workspaceRoot: "/ws",
      targetDir: null,
      ozPath: null,
      setupCommand: null,
      teardownCommand: null,
      logDir: null,
      logMaxAgeMs: null,
      minFreeBytes: 0,
      environment,
    },
    cleanup: true,
    maxConcurrentTasks: 0,
    idleOnComplete: "5m",
    logLevel: "info",
    logFormat: "text",
    stateDir: "/state",
    cancelGracePeriodMs: 1,
    maxTasks: 0,
    exitAfterIdleMs: 0,
    drainTimeoutMs: 0,
    shutdownTimeoutMs: 1,
    maxTaskDurationMs: null,
    caFile: null,
    telemetry: chooseTelemetry({}).settings,
    healthAddress: null,
    unusedBackend: null,
    emptyBackend: null,
    webSocketUrl: "ws://x",
    serverRootUrl: "https://root",
    sessionSharingServerUrl: "ws://share",
  };
}

const BUILT_IN = {
  TASK_ID: "t-1",
  GIT_TERMINAL_PROMPT: "0",
  GH_PROMPT_DISABLED: "1",
  WARP_SERVER_ROOT_URL: "https://root",
};

describe("a task's environment", () => {
  test("is the built-in four for a bare assignment, and nothing of the worker's", () => {
    expect(prepareTask(sampleAssignment(), settings()).environment).toEqual(BUILT_IN);
    expect(builtInEnvironment("t-1", "https://root")).toEqual(BUILT_IN);
  });

  test("has the server's variables over the built-in ones", () => {
    const envVars = { TASK_ID: "other", A: "server", EMPTY: "" };
    expect(prepareTask(sampleAssignment({ envVars }), settings()).environment).toEqual({
      ...BUILT_IN,
      ...envVars,
    });
  });

  test("has the operator's over the server's, a later one over an earlier", () => {
    const operator = [
      { name: "A", value: "file" },
      { name: "B", value: "file" },
      { name: "A", value: "flag" },
    ];
    const envVars = { A: "server", B: "server", C: "server" };
    const { environment } = prepareTask(sampleAssignment({ envVars }), settings(operator));
    expect(environment).toEqual({ ...BUILT_IN, A: "flag", B: "file", C: "server" });
  });

  test("keeps a variable named __proto__", () => {
    const envVars: Record<string, string> = JSON.parse('{"__proto__":"p"}');
    const { environment } = prepareTask(sampleAssignment({ envVars }), settings());
    expect(Object.hasOwn(environment, "__proto__")).toBe(true);
  });
});

test("the argv follows the worker's settings", () => {
  const { argv, assignment } = prepareTask(sampleAssignment(), settings());
  expect(argv.join(" ")).toBe(
    "agent run --task-id t-1 --sandboxed --server-root-url https://root --idle-on-complete 5m --session-sharing-server-url ws://share",
  );
  expect(assignment.taskId).toBe("t-1");
});
