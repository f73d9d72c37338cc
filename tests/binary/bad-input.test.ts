/** A command line, a file or a host that the worker cannot start with: a clear line each, and nothing started. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync } from "node:fs";
import { DirectSite } from "../support/direct-site.ts";
import { CAN_OBEY, OBEYING } from "../support/permissions.ts";
import { TempDir } from "../support/temp-dir.ts";
import { type WorkerOptions, WorkerProcess, workerCommand } from "../support/worker-process.ts";

const NAMED = ["--worker-id", "bar"];
const DIRECT = [...NAMED, "--backend", "direct"];

interface Case extends Omit<WorkerOptions, "plane"> {
  /** In this order, one line each; and no other. */
  readonly says: readonly (string | RegExp)[];
}

const REFUSED: Readonly<Record<string, Case>> = {
  "a config file that is not there": {
    flags: ["--config-file", "no/such/file.yaml"],
    says: [/Cannot read the config file "no\/such\/file\.yaml": there is no such file/],
  },
  "a folder instead of a config file": {
    flags: ["--config-file", "/tmp"],
    says: [/Cannot read the config file "\/tmp": it is a folder/],
  },
  "YAML with tabs": {
    config: "worker_id: bar\nbackend:\n\tdirect: {}\n",
    says: [/worker\.yaml:3:\d+: .*tab/i],
  },
  "YAML that is cut off": { config: 'worker_id: "bar', says: [/worker\.yaml:1:\d+: /] },
  "a file that is no mapping": { config: "- worker_id: bar\n", says: [/worker\.yaml:1:1: .*mapping/] },
  "two backends in one file": {
    config: "worker_id: bar\nbackend:\n  direct: {}\n  docker: {}\n",
    says: [/worker\.yaml:4:\d+: .*direct and docker.*only one/],
  },
  "an unknown key": {
    config: "worker_id: bar\nbackend:\n  direct:\n    workspace_rot: /x\n",
    says: [/worker\.yaml:4:\d+: .*workspace_rot.*workspace_root/],
  },
  "an unknown backend": { config: "worker_id: bar\nbackend:\n  dokcer: {}\n", says: [/dokcer.*docker/] },
  "a key given twice": { config: "worker_id: a\nworker_id: b\n", says: [/worker\.yaml:2:\d+: .*worker_id/] },
  "a bad duration": {
    config: "worker_id: bar\ncancel_grace_period: soon\nbackend: {direct: {}}\n",
    says: [/worker\.yaml:2:\d+: cancel_grace_period .*"soon"/],
  },
  "a variable name with white space": {
    config: "worker_id: bar\nbackend: {direct: {environment: [{name: 'A B', value: x}]}}\n",
    says: [/worker\.yaml:2:\d+: .*environment.*white space/],
  },
  "--max-concurrent-tasks -1": {
    flags: [...DIRECT, "--max-concurrent-tasks", "-1"],
    says: [/--max-concurrent-tasks .*-1/],
  },
  "--max-concurrent-tasks x": {
    flags: [...DIRECT, "--max-concurrent-tasks", "x"],
    says: [/--max-concurrent-tasks .*"x"/],
  },
  "a worker id that is reserved": {
    flags: ["--worker-id", "warp-1", "--backend", "direct"],
    says: [/--worker-id must not start with "warp"/],
  },
  "no worker id": { flags: ["--backend", "direct"], says: [/worker id.*--worker-id/] },
  "an empty key": {
    flags: DIRECT,
    apiKey: "",
    says: [/No API key is given \(WARP_API_KEY is empty\); set WARP_API_KEY/],
  },
  "no key": { flags: DIRECT, apiKey: null, says: [/No API key is given; set WARP_API_KEY/] },
  "a key with a line break": { flags: DIRECT, apiKey: "top\nsecret", says: [/WARP_API_KEY has white space/] },
  "a key file that is not there": {
    flags: [...DIRECT, "--api-key-file", "/no/key"],
    says: [/Cannot read the API key file "\/no\/key".*there is no such file/],
  },
  "a device for a key file, which may never end": {
    flags: [...DIRECT, "--api-key-file", "/dev/zero"],
    says: [/Cannot read the API key file "\/dev\/zero".*: it is a pipe or a device, .*give a regular file$/],
  },
  "a config file that never ends": {
    flags: ["--config-file", "/dev/zero"],
    says: ['Cannot read the config file "/dev/zero": it is larger than 4 MiB; is it the right file?'],
  },
  "both a key and a key file": {
    flags: [...DIRECT, "--api-key", "top-secret", "--api-key-file", "/k"],
    says: [/Both --api-key and --api-key-file/],
  },
  "an unknown flag": {
    flags: [...DIRECT, "--max-concurent-tasks", "3"],
    says: [/--max-concurent-tasks.*--max-concurrent-tasks/],
  },
  "an unknown backend flag": {
    flags: [...NAMED, "--backend", "dokcer"],
    says: [/--backend .*"dokcer".*docker/],
  },
  "an unknown log level": { flags: [...DIRECT, "--log-level", "loud"], says: [/--log-level .*"loud"/] },
  "a variable without a name": { flags: [...DIRECT, "-e", "=top-secret"], says: [/--env .*(?:empty|name)/] },
  "a variable with white space in its name": {
    flags: [...DIRECT, "-e", "A B=top-secret"],
    says: [/--env .*white space/],
  },
  "a volume for the direct backend": {
    flags: [...DIRECT, "-v", "/a:/b"],
    says: [/--volumes works with the docker backend only/],
  },
  "a target folder for another backend": {
    flags: [...NAMED, "--backend", "docker", "--target-dir", "/tmp"],
    says: [/--target-dir works with the direct backend only/],
  },
  "an argument that is no flag": {
    flags: [...DIRECT, "start"],
    says: [/Unexpected argument "start"|Unknown command "start"/],
  },
  "a flag without its value": {
    flags: ["--backend", "direct", "--worker-id"],
    says: [/--worker-id needs a value/],
  },
  "an idle time that the agent would not read": {
    flags: [...DIRECT, "--idle-on-complete", "1h30"],
    says: [/--idle-on-complete .*"1h30"/],
  },
  "a URL that is none": {
    flags: [...DIRECT, "--web-socket-url", "https://x"],
    says: [/--web-socket-url .*wss?:/],
  },
  "a grace longer than the shutdown": {
    config: "worker_id: bar\ncancel_grace_period: 5m\nbackend: {direct: {}}\n",
    says: [/cancel_grace_period \(5m\) is longer than shutdown_timeout \(20s, the default\)/],
  },
  "a CA file that is not there": {
    config: "worker_id: bar\nca_file: /no/ca.pem\nbackend: {direct: {}}\n",
    says: [/\/no\/ca\.pem/],
  },
  "many mistakes at once": {
    flags: ["--max-concurrent-tasks", "x", "--nonsense", "--log-level", "loud"],
    config: "wroker_id: bar\ncleanup: perhaps\nbackend:\n  direct:\n    oz_paht: /x\n",
    apiKey: null,
    says: [
      /--nonsense/,
      /--max-concurrent-tasks/,
      /--log-level/,
      /:1:1: .*wroker_id/,
      /:2:\d+: .*cleanup/,
      /:5:\d+: .*oz_paht/,
      /No API key/,
    ],
  },
};

/** Every line of the complaint, our name in front taken off. */
function complaints(worker: WorkerProcess): string[] {
  const lines = worker.stderr.split("\n").filter((line) => line !== "");
  expect(lines.filter((line) => !line.startsWith("oz-agent-worker: "))).toEqual([]);
  return lines.map((line) => line.slice("oz-agent-worker: ".length));
}

describe("ends with status 2 and says what is wrong:", () => {
  test.each(Object.entries(REFUSED))("%s", async (_name, { says, ...options }) => {
    await using worker = await WorkerProcess.start(options);
    expect(await worker.finished()).toBe(2);
    const lines = complaints(worker);
    expect(lines).toHaveLength(says.length);
    for (const what of says) expect(lines).toContainEqual(expect.stringMatching(what));
    expect(worker.stdout).toBe("");
    expect(worker.stderr).not.toMatch(/\btop\b|secret\b|\bat .*\.ts:|node:internal|\$bunfs/);
    expect(existsSync(worker.dir.join("state"))).toBe(false);
  });
});

test("an unreadable config file is named, with status 2", async () => {
  await using dir = await TempDir.create();
  const file = await dir.write("worker.yaml", new Uint8Array([0x77, 0xff, 0xfe, 0x00]));
  await using worker = await WorkerProcess.start({ flags: ["--config-file", file] });
  expect(await worker.finished()).toBe(2);
  expect(complaints(worker)).toEqual([expect.stringMatching(/Cannot read the config file .*not text/)]);
});

describe("ends with status 1, in one line, when the host cannot run tasks:", () => {
  interface HostCase {
    readonly direct: (site: DirectSite) => Record<string, unknown>;
    readonly env?: Readonly<Record<string, string>>;
    readonly says: RegExp;
  }
  const cases: Readonly<Record<string, HostCase>> = {
    "the agent is missing": {
      direct: () => ({ oz_path: "/no/oz" }),
      says: /Cannot use the agent .*\/no\/oz.*there is no such file.*oz_path/,
    },
    "the agent is not executable": {
      direct: () => ({ oz_path: "/etc/passwd" }),
      says: /Cannot use the agent .*\/etc\/passwd.*not an executable file/,
    },
    "the agent is a folder": { direct: () => ({ oz_path: "/tmp" }), says: /Cannot use the agent .*\/tmp/ },
    "the agent is on no PATH": {
      direct: () => ({ oz_path: "no-such-oz" }),
      says: /Cannot use the agent .*no-such-oz/,
    },
    "the workspace root is a file": {
      direct: (site) => ({ workspace_root: site.agent.path }),
      says: /Cannot use .*: it is not a folder; .*workspace_root/,
    },
    "the workspace root lies below a file": {
      direct: (site) => ({ workspace_root: `${site.agent.path}/ws` }),
      says: /Cannot use .*workspace_root/,
    },
    "the target folder is missing": {
      direct: () => ({ target_dir: "/no/dir" }),
      says: /Cannot use the target folder \/no\/dir: there is no such folder; .*target_dir \(--target-dir\)/,
    },
    // Once every task was claimed, and failed.
    "hooks have no folder for what they tell their task": {
      direct: () => ({ setup_command: "true" }),
      env: { TMPDIR: "/no/tmp" },
      says: /Cannot make private folders of tasks in \/no\/tmp: there is no such folder; set TMPDIR to/,
    },
    "the last hook has none to run in when the workspace is gone": {
      direct: () => ({ teardown_command: "true" }),
      env: { TMPDIR: "/no/tmp" },
      says: /Cannot make private folders of tasks in \/no\/tmp: there is no such folder; set TMPDIR to/,
    },
    "there is no folder for what must not lie in the target folder": {
      direct: ({ workspaceRoot }) => ({ target_dir: workspaceRoot }),
      env: { TMPDIR: "/etc/passwd" },
      says: /Cannot make private folders of tasks in \/etc\/passwd: it is not a folder; set TMPDIR to/,
    },
  };

  test.each(Object.entries(cases))("%s", async (_name, { direct, env = {}, says }) => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ direct: direct(site), env, connected: false });
    expect(await worker.finished()).toBe(1);
    const lines = worker.stderr.split("\n").filter((line) => line !== "");
    expect(lines).toEqual([expect.stringMatching(says)]);
    expect(site.plane.handshakes).toEqual([]);
  });

  const forbidden: Readonly<Record<string, HostCase & { readonly mode: number }>> = {
    "the workspace root is a folder in which it may not write": {
      mode: 0o555,
      direct: ({ workspaceRoot }) => ({ workspace_root: workspaceRoot }),
      says: /Cannot use the workspace root .*EACCES.*a folder that this user can write/,
    },
    "the target folder is one that it may not enter": {
      mode: 0o644,
      direct: ({ workspaceRoot }) => ({ target_dir: workspaceRoot }),
      says: /Cannot use the target folder .*: EACCES.*; .*target_dir \(--target-dir\)/,
    },
    "the target folder lies in one that it may not enter": {
      mode: 0o644,
      direct: ({ workspaceRoot }) => ({ target_dir: `${workspaceRoot}/below` }),
      says: /Cannot use the target folder .*\/below: EACCES.*; .*target_dir \(--target-dir\)/,
    },
  };

  // Once: the worker started, claimed what came, and failed every task, with words that blamed the agent for its folder.
  test.skipIf(!CAN_OBEY).each(Object.entries(forbidden))("%s", async (_name, { mode, direct, says }) => {
    await using site = await DirectSite.create();
    chmodSync(site.workspaceRoot, mode);
    const command = [...OBEYING, ...workerCommand()];
    await using worker = await site.start({ command, direct: direct(site), connected: false });
    expect(await worker.finished()).toBe(1);
    const lines = worker.stderr.split("\n").filter((line) => line !== "");
    expect(lines).toEqual([expect.stringMatching(says)]);
    expect(site.plane.handshakes).toEqual([]);
  });

  test("a backend that is not built yet, which it says", async () => {
    await using worker = await WorkerProcess.start({ flags: [...NAMED, "--backend", "kubernetes"] });
    const status = await worker.finished();
    // Goes when the backend comes.
    expect(status === 1 || status === 2).toBe(true);
    expect(worker.stderr).toMatch(/kubernetes/i);
    expect(worker.stderr).not.toMatch(/^\s+at /m);
  });
});

// It was "Error: ENOENT" and a name that nobody had given.
test("dev without a folder for temporary files names the variable to set", () => {
  const env = { PATH: process.env["PATH"] ?? "", TMPDIR: "/no/such/folder" };
  const run = Bun.spawnSync([...workerCommand(), "dev", "--backend", "direct"], { env });
  expect(run.stderr.toString()).toMatch(
    /^oz-agent-worker: Cannot make a folder in \/no\/such\/folder: ENOENT.*; set TMPDIR to one that this user can write\n$/,
  );
  expect(run.exitCode).toBe(2);
});

// A production file is tried on a machine that has neither its account nor its key.
test("dev needs no key: that of the configuration may be on another host, or be a wrong one", async () => {
  await using dir = await TempDir.create("dev-key");
  const block = "backend:\n  command: {dispatch_command: 'echo handed over'}\n";
  const config = await dir.write("w.yaml", `worker_id: w\napi_key_file: /no/such/key\n${block}`);
  const dev = ["dev", "--config-file", config, "--prompt", "hello", "--exit-when-done"];
  const env = { PATH: process.env["PATH"] ?? "", WARP_API_KEY: '"in quotes"' };
  for (const more of [[], ["--api-key-file", "/no/such/key/either"]]) {
    const run = Bun.spawnSync([...workerCommand(), ...dev, ...more], { env });
    expect([run.exitCode, run.stdout.toString()]).toEqual([0, expect.stringContaining("was handed over")]);
  }
});
