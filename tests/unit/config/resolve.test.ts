import { describe, expect, test } from "bun:test";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import type { LoadedFile } from "../../../src/config/load.ts";
import { type ResolveInput, resolveSettings } from "../../../src/config/resolve.ts";
import type { FileConfig } from "../../../src/config/schema.ts";
import type { Settings } from "../../../src/config/settings.ts";

const BASE = ["--worker-id", "w", "--api-key", "k"];

function input(
  args: readonly string[],
  config: FileConfig = {},
  more: Partial<ResolveInput> = {},
): ResolveInput {
  const line = parseCommandLine(["run", ...args]);
  if (line.command !== "run") throw new Error("not the run command");
  const file: LoadedFile = { config, problems: [], text: "", emptyBackend: null, isBroken: () => false };
  return { flags: line.flags, file, env: {}, uid: 1000, home: "/home/u", cwd: "/cwd", ...more };
}

function settings(args: readonly string[], config?: FileConfig, more?: Partial<ResolveInput>): Settings {
  return resolveSettings(input([...BASE, ...args], config, more));
}

function problems(
  args: readonly string[],
  config?: FileConfig,
  more?: Partial<ResolveInput>,
): readonly string[] {
  try {
    resolveSettings(input(args, config, more));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("defaults", () => {
  test("hold where nobody says otherwise", () => {
    const { key, telemetry, ...rest } = settings([]);
    expect(key.label).toBe("--api-key");
    expect(telemetry.metrics.exporters).toEqual(["otlp"]);
    expect(rest).toEqual({
      workerId: "w",
      backend: {
        kind: "docker",
        volumes: [],
        environment: [],
        imagePullPolicy: "always",
        sidecarVolumeMaxAgeMs: 604_800_000,
        minFreeBytes: 0,
        network: null,
        defaultLimits: { vcpus: 0, memoryGb: 0 },
        security: { noNewPrivileges: false, pidsLimit: null, capDrop: [], runtime: null },
      },
      cleanup: true,
      maxConcurrentTasks: 0,
      idleOnComplete: null,
      logLevel: "info",
      logFormat: "text",
      stateDir: "/home/u/.local/state/oz-agent-worker",
      cancelGracePeriodMs: 10_000,
      maxTasks: 0,
      exitAfterIdleMs: 0,
      drainTimeoutMs: 0,
      shutdownTimeoutMs: 20_000,
      maxTaskDurationMs: null,
      caFile: null,
      healthAddress: null,
      unusedBackend: null,
      emptyBackend: null,
      webSocketUrl: "wss://oz.warp.dev/api/v1/selfhosted/worker/ws",
      serverRootUrl: "https://app.warp.dev",
      sessionSharingServerUrl: null,
    });
  });

  test("of a command come below what the operator says, the product's own below them", () => {
    const defaults = { workerId: "dev", apiKey: "d", webSocketUrl: "ws://127.0.0.1:1/" };
    const alone = resolveSettings(input([], {}, { defaults }));
    expect([alone.workerId, alone.key.label, alone.webSocketUrl]).toEqual([
      "dev",
      "the service command",
      "ws://127.0.0.1:1/",
    ]);
    const told = settings(["--web-socket-url", "ws://h/"], {}, { defaults });
    expect([told.workerId, told.key.label, told.webSocketUrl]).toEqual(["w", "--api-key", "ws://h/"]);
  });
});

describe("a flag wins over the file, the file over the default", () => {
  const file: FileConfig = {
    worker_id: "file",
    cleanup: true,
    max_concurrent_tasks: 3,
    idle_on_complete: "1h 30m",
    log_level: "warn",
    log_format: "json",
    state_dir: "state",
    cancel_grace_period: "1500ms",
    max_tasks: 1,
    exit_after_idle: "10m",
    drain_timeout: "6h",
    shutdown_timeout: "2days",
    max_task_duration: "1d",
    ca_file: "ca.pem",
  };

  test("the file", () => {
    const { workerId } = resolveSettings(input(["--api-key", "k"], file));
    expect(workerId).toBe("file");
    expect(settings([], file)).toMatchObject({
      workerId: "w",
      cleanup: true,
      maxConcurrentTasks: 3,
      idleOnComplete: "1h 30m",
      logLevel: "warn",
      logFormat: "json",
      stateDir: "/cwd/state",
      cancelGracePeriodMs: 1500,
      maxTasks: 1,
      exitAfterIdleMs: 600_000,
      drainTimeoutMs: 6 * 3_600_000,
      shutdownTimeoutMs: 2 * 86_400_000,
      maxTaskDurationMs: 86_400_000,
      caFile: "/cwd/ca.pem",
    });
  });

  test("the flags", () => {
    const flags = [
      ...["--no-cleanup", "--max-concurrent-tasks", "0", "--idle-on-complete=0s", "--log-level", "debug"],
      ...["--log-format", "text", "--state-dir", "/s", "--server-root-url", "http://h:1"],
      ...["--session-sharing-server-url", "ws://127.0.0.1:8081"],
      ...["--max-tasks", "2", "--exit-after-idle=90s"],
    ];
    expect(settings(flags, file)).toMatchObject({
      cleanup: false,
      maxConcurrentTasks: 0,
      maxTasks: 2,
      exitAfterIdleMs: 90_000,
      idleOnComplete: "0s",
      logLevel: "debug",
      logFormat: "text",
      stateDir: "/s",
      serverRootUrl: "http://h:1",
      sessionSharingServerUrl: "ws://127.0.0.1:8081",
    });
  });

  test("cleanup: false in the file needs no flag", () => {
    expect(settings([], { cleanup: false }).cleanup).toBe(false);
  });

  test("no limit on a task's duration may be said as 0s, and a part of a millisecond is none", () => {
    expect(settings([], { max_task_duration: "0s" }).maxTaskDurationMs).toBeNull();
    expect(settings([], { max_task_duration: "1us" }).maxTaskDurationMs).toBe(1);
  });
});

describe("the backend", () => {
  test("is the flag's, else the file's", () => {
    expect(settings(["--backend", "kubernetes"]).backend.kind).toBe("kubernetes");
    expect(settings([], { backend: { direct: {} } }).backend.kind).toBe("direct");
    expect(settings(["--backend", "direct"], { backend: { direct: {} } }).backend.kind).toBe("direct");
  });

  test("direct: paths become absolute, a bare name stays for PATH, -e wins over the file", () => {
    const direct = {
      workspace_root: "ws",
      oz_path: "./oz",
      setup_command: "s",
      log_dir: "logs",
      min_free_gb: 0.5,
      environment: [{ name: "A", value: "file" }, { name: "OWN" }],
    };
    const args = ["-e", "A=flag", "--env=B", "--target-dir", "here"];
    expect(settings(args, { backend: { direct } }, { env: { OWN: "own" } }).backend).toEqual({
      kind: "direct",
      workspaceRoot: "/cwd/ws",
      targetDir: "/cwd/here",
      ozPath: "/cwd/oz",
      setupCommand: "s",
      teardownCommand: null,
      logDir: "/cwd/logs",
      logMaxAgeMs: 7 * 86_400_000,
      minFreeBytes: 512 * 1024 ** 2,
      environment: [
        { name: "OWN", value: "own" },
        { name: "A", value: "flag" },
        { name: "B", value: "" },
      ],
    });
    expect(settings([], { backend: { direct: { oz_path: "oz" } } }).backend).toMatchObject({
      workspaceRoot: "/var/lib/oz/workspaces",
      ozPath: "oz",
      logDir: null,
    });
    expect(settings([], { backend: { direct: { log_max_age: "0s" } } }).backend).toMatchObject({
      logMaxAgeMs: null,
    });
  });

  test("docker: the file's volumes come before the flags'", () => {
    const docker = { volumes: ["/a:/b"] };
    expect(
      settings(["-v", "/c:/d:ro", "--volumes", "/e:/f:rw"], { backend: { docker } }).backend,
    ).toMatchObject({
      volumes: [
        { spec: expect.stringContaining("/a:/b"), hostPath: "/a", containerPath: "/b", readOnly: false },
        { spec: expect.stringContaining("/c:/d"), hostPath: "/c", containerPath: "/d", readOnly: true },
        { spec: expect.stringContaining("/e:/f"), hostPath: "/e", containerPath: "/f", readOnly: false },
      ],
    });
  });

  test("docker: its own keys, of which 0 stands for none", () => {
    const docker = {
      image_pull_policy: "if-not-present" as const,
      sidecar_volume_max_age: "60days",
      min_free_gb: 2,
      network: "agents",
      default_limits: { vcpus: 0.5, memory_gb: 8 },
      security: { no_new_privileges: true, pids_limit: 512, cap_drop: ["NET_RAW"], runtime: "runsc" },
    };
    expect(settings([], { backend: { docker } }).backend).toMatchObject({
      imagePullPolicy: "if-not-present",
      sidecarVolumeMaxAgeMs: 60 * 24 * 3_600_000,
      minFreeBytes: 2 * 1024 ** 3,
      network: "agents",
      defaultLimits: { vcpus: 0.5, memoryGb: 8 },
      security: { noNewPrivileges: true, pidsLimit: 512, capDrop: ["NET_RAW"], runtime: "runsc" },
    });
    const none = { sidecar_volume_max_age: "0s", security: { pids_limit: 0 } };
    expect(settings([], { backend: { docker: none } }).backend).toMatchObject({
      sidecarVolumeMaxAgeMs: null,
      minFreeBytes: 0,
      security: { pidsLimit: null },
    });
  });

  test("docker: one path in the container for two volumes is an error, wherever they were given", () => {
    const docker = { volumes: ["/a:/b/c", "/a:/b"] };
    expect(problems([...BASE, "-v", "/d:/b//c/:ro", "-v", "/e:/f"], { backend: { docker } })).toEqual([
      'Two volumes have the container path "/b/c"',
    ]);
  });

  test("kubernetes: every default", () => {
    expect(settings(["--backend=kubernetes", "-e", "A=1"]).backend).toEqual({
      kind: "kubernetes",
      namespace: "default",
      kubeconfig: null,
      defaultImage: null,
      imagePullPolicy: "IfNotPresent",
      useImageVolumes: false,
      preflightImage: "busybox:1.36",
      preflightResources: {
        requests: { cpu: "10m", memory: "16Mi" },
        limits: { cpu: "100m", memory: "64Mi" },
      },
      sidecarImage: null,
      codingCliSidecars: {},
      setupCommand: null,
      teardownCommand: null,
      extraLabels: {},
      extraAnnotations: {},
      activeDeadlineSeconds: null,
      ttlSecondsAfterFinished: 86_400,
      workspaceSizeLimit: null,
      unschedulableTimeoutMs: 30_000,
      podTemplate: null,
      taskEnvSecret: "auto",
      configFile: null,
      environment: [{ name: "A", value: "1" }],
    });
  });

  test("kubernetes: 0s never gives up, no cleanup means no TTL, an endless wait fits a timer", () => {
    const of = (kubernetes: object, ...flags: string[]) =>
      settings(flags, { backend: { kubernetes } }).backend;
    expect(of({ unschedulable_timeout: "0s" })).toMatchObject({ unschedulableTimeoutMs: null });
    expect(of({ unschedulable_timeout: "10000h" })).toMatchObject({ unschedulableTimeoutMs: 2 ** 31 - 1 });
    expect(of({ ttl_seconds_after_finished: 0 })).toMatchObject({ ttlSecondsAfterFinished: 0 });
    expect(of({ ttl_seconds_after_finished: 5 }, "--no-cleanup")).toMatchObject({
      ttlSecondsAfterFinished: null,
    });
  });

  test("command: its defaults", () => {
    expect(settings(["-e", "A=1"], { backend: { command: { dispatch_command: "d" } } }).backend).toEqual({
      kind: "command",
      dispatchCommand: "d",
      cancelCommand: null,
      dispatchTimeoutMs: 60_000,
      handedOffTtlMs: 7 * 24 * 3_600_000,
      workingDir: "/cwd",
      environment: [{ name: "A", value: "1" }],
    });
  });
});

test("--backend wins over the file's backend, of which nothing is used", () => {
  const direct = { setup_command: "s", environment: [{ name: "A", value: "1" }] };
  const { backend, unusedBackend } = settings(["--backend", "docker", "-e", "B=2"], { backend: { direct } });
  expect([backend.kind, backend.environment, unusedBackend]).toEqual([
    "docker",
    [{ name: "B", value: "2" }],
    "direct",
  ]);
  expect(settings(["--backend", "direct"], { backend: { direct } }).unusedBackend).toBeNull();
});

test("a backend that the file names with nothing below it is told, where it was to choose and did not", () => {
  const file: LoadedFile = {
    config: {},
    problems: [],
    text: "",
    emptyBackend: "direct",
    isBroken: () => false,
  };
  const { backend, emptyBackend } = settings([], {}, { file });
  expect([backend.kind, emptyBackend]).toEqual(["docker", "direct"]);
  expect(settings(["--backend", "direct"], {}, { file }).emptyBackend).toBeNull();
  expect(settings([], {}, { file: { ...file, emptyBackend: "docker" } }).emptyBackend).toBeNull();
  const chosen: LoadedFile = { ...file, config: { backend: { kubernetes: {} } } };
  expect(settings([], {}, { file: chosen }).emptyBackend).toBeNull();
});

describe("what does not go together", () => {
  const TABLE: readonly [string, readonly string[], FileConfig, string][] = [
    [
      "-v without docker",
      ["--backend", "direct", "-v", "/a:/b"],
      {},
      "--volumes works with the docker backend only, and the backend is direct; leave it out or give --backend docker",
    ],
    [
      "--target-dir without direct",
      ["--target-dir", "/t"],
      {},
      "--target-dir works with the direct backend only, and the backend is docker; leave it out or give --backend direct",
    ],
    [
      "the command backend without its command",
      ["--backend", "command"],
      {},
      "The command backend needs backend.command.dispatch_command in the config file",
    ],
    [
      "the command backend over another one of the file",
      ["--backend", "command"],
      { backend: { direct: {} } },
      "The command backend needs backend.command.dispatch_command in the config file",
    ],
    [
      "a grace period above the default shutdown",
      [],
      { cancel_grace_period: "30s" },
      "cancel_grace_period (30s) is longer than shutdown_timeout (20s, the default); tasks would outlive the worker's shutdown, so raise shutdown_timeout or lower cancel_grace_period",
    ],
    [
      "a shutdown below the default grace period",
      [],
      { shutdown_timeout: "5s" },
      "cancel_grace_period (10s, the default) is longer than shutdown_timeout (5s); tasks would outlive the worker's shutdown, so raise shutdown_timeout or lower cancel_grace_period",
    ],
  ];
  test.each(TABLE)("%s", (_name, args, config, expected) => {
    expect(problems([...BASE, ...args], config)).toEqual([expected]);
  });

  test("a grace period as long as the shutdown is the operator's choice", () => {
    expect(problems(BASE, { cancel_grace_period: "20s" })).toEqual([]);
  });
});

describe("all problems at once", () => {
  test("what is missing is told beside what is wrong", () => {
    const file: LoadedFile = {
      config: {},
      problems: ["worker.yaml:1:1: Wrong"],
      text: "",
      emptyBackend: null,
      isBroken: () => false,
    };
    expect(problems(["--log-level", "loud", "--backend", "direct", "-v", "/a:/b"], {}, { file })).toEqual([
      '--log-level must be one of debug, info, warn, error, not "loud"',
      "worker.yaml:1:1: Wrong",
      "No worker id is given; give --worker-id ID, or worker_id in the config file",
      expect.stringContaining("No API key is given"),
      expect.stringContaining("--volumes works with the docker backend only"),
    ]);
  });

  test("what is given wrongly is not called missing as well", () => {
    const file: LoadedFile = {
      config: {},
      problems: ["unreadable"],
      text: "",
      emptyBackend: null,
      isBroken: () => true,
    };
    expect(problems(["-v", "/a:/b", "--target-dir", "/t"], {}, { file })).toEqual(["unreadable"]);
    expect(problems(["--worker-id", "warp-1", "--api-key"])).toEqual([
      "--api-key needs a value",
      'worker_id must not start with "warp"'
        .replace("worker_id", "--worker-id")
        .concat(', which is reserved; it is "warp-1"'),
    ]);
  });
});
