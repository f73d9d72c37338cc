import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, symlink } from "node:fs/promises";
import { TempDir } from "../support/temp-dir.ts";
import { workerCommand } from "../support/worker-process.ts";

async function service(config: string | null, ...args: readonly string[]) {
  await using dir = await TempDir.create("service");
  const file = config === null ? dir.join("none.yaml") : await dir.write("config.yaml", config);
  const argv = [
    ...workerCommand(),
    "service",
    ...args,
    ...(args[0] === "install" ? ["--config-file", file] : []),
  ];
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, {
    env: { PATH: "/usr/bin:/bin", WARP_API_KEY: "k" },
  });
  return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString(), file };
}

test("service install --print shows a unit that is made from the config file", async () => {
  const shown = await service(
    "worker_id: w\nshutdown_timeout: 2m\nbackend:\n  direct:\n    workspace_root: /var/lib/oz/workspaces\n",
    ...["install", "--print", "--user", "builder"],
  );
  expect(shown).toMatchObject({ status: 0, stderr: "" });
  expect(shown.stdout).toContain(`--config-file ${shown.file} --api-key-file`);
  expect(shown.stdout).toContain("\nLoadCredential=api-key:/etc/oz-agent-worker/api-key\n");
  expect(shown.stdout).toContain("\nTimeoutStopSec=140\n");
  expect(shown.stdout).toContain("\nUser=builder\n");
  expect(shown.stdout).toContain("\nStateDirectory=oz-agent-worker oz/workspaces\n");
});

test.each(["svc.oz", "oz@corp.example.com", "CORP\\oz", "machine$"])(
  "a user may have a name of a directory service, such as %s",
  async (user) => {
    const shown = await service("worker_id: w\n", "install", "--print", "--user", user);
    expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining(`\nUser=${user}\n`) });
  },
);

// systemd gave it to the service's user with all that was in it, and shut out everybody else.
test("a target folder stays its owner's, below /var/lib too, where systemd makes folders for the service", async () => {
  const shown = await service(
    "worker_id: w\nbackend:\n  direct:\n    target_dir: /var/lib/site/checkout\n",
    ...["install", "--print"],
  );
  expect(shown).toMatchObject({ status: 0, stderr: "" });
  expect(shown.stdout).toContain("\nStateDirectory=oz-agent-worker\n");
  expect(shown.stdout).not.toContain("/site");
});

// After the link was exchanged the service's restart went on with the old version.
test.if(process.platform !== "win32")(
  "a link by which the program is found is what the unit starts",
  async () => {
    await using dir = await TempDir.create("service");
    const config = await dir.write("config.yaml", "worker_id: w\n");
    const [executable = ""] = workerCommand();
    const link = dir.join("oz-agent-worker");
    await symlink(executable, link);
    const argv = [link, "service", "install", "--print", "--config-file", config];
    const { stdout } = Bun.spawnSync(argv, { env: { PATH: "/usr/bin:/bin" } });
    expect(stdout.toString()).toContain(`\nExecStart=${link} --config-file`);
  },
);

test("a key file of the config file is left to the worker, which reads it again at every connect", async () => {
  const shown = await service("worker_id: w\napi_key_file: /etc/key\n", "install", "--print");
  expect(shown.status).toBe(0);
  expect(shown.stdout).not.toContain("LoadCredential");
});

test.each([
  ["worker_id: w\nworker_ids: 2\n", ["install", "--print"], "worker_ids"],
  ["backend:\n  docker: {}\n", ["install", "--print"], "No worker id is given"],
  [null, ["install", "--print"], "there is no such file"],
  ["worker_id: w\n", ["instal"], 'did you mean "install"'],
  // It was: Cannot "install" a service (did you mean "install"?).
  ["worker_id: w\n", ["status", "install"], 'Unexpected argument "install"; service takes one of'],
  ["worker_id: w\n", [], "service takes one of install, uninstall, status"],
  ["worker_id: w\n", ["install", "--user", "a b"], "is no name of a user"],
  ["worker_id: w\n", ["install", "--user", "-x"], "--user needs a value"],
  // At the end of a line of a unit it would take the next line in.
  ["worker_id: w\n", ["install", "--user", "CORP\\"], "is no name of a user"],
] as const)("with %j service %j says what is wrong and does nothing", async (config, args, says) => {
  const refused = await service(config, ...args);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(says);
});

// Where no systemd runs, installing ends in a sentence; what is looked at before that is the same.
describe.if(process.getuid?.() === 0 && !existsSync("/run/systemd/system"))("as root", () => {
  async function install(key: string, mode: number) {
    await using dir = await TempDir.create("service");
    await chmod(dir.path, mode);
    const config = await dir.write("config.yaml", "worker_id: w\n");
    const file = await dir.write("key", key);
    const argv = ["service", "install", "--config-file", config, "--api-key-file", file];
    const { exitCode, stdout, stderr } = Bun.spawnSync([...workerCommand(), ...argv], { env: {} });
    return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString(), folder: dir.path };
  }

  test("a key file in which there is no key is refused before anything is changed", async () => {
    const refused = await install("\n", 0o755);
    expect(refused.stderr).toMatch(/There is no key in \S+: it is empty; write the key there/);
    expect(refused.status).toBe(1);
  });

  // The unit started, and ended with a status of systemd's own; nothing said why.
  test("what the service's user may not be able to reach is told before it is started", async () => {
    const told = await install("key\n", 0o700);
    expect(told.stdout).toContain(
      `Note: ${told.folder} is closed to other users; see that oz-agent-worker can read ${told.folder}/config.yaml`,
    );
    expect(told.stderr).toContain("No systemd runs here");
  });

  // The key as the page has it put there, for root alone, and named in the config file: the service ended at once.
  test("so is a key file that the worker is to read itself", async () => {
    await using dir = await TempDir.create("service");
    await chmod(dir.path, 0o755);
    const key = await dir.write("key", "key\n", 0o600);
    const config = await dir.write(
      "config.yaml",
      `worker_id: w\napi_key_file: ${key}\nca_file: /no/ca.pem\n`,
    );
    const argv = [...workerCommand(), "service", "install", "--config-file", config];
    const { stdout } = Bun.spawnSync(argv, { env: {} });
    expect(stdout.toString()).toContain(
      `Note: ${key} is closed to other users; see that oz-agent-worker can read ${key}\n`,
    );
    expect(stdout.toString()).not.toContain("/no/ca.pem");
  });
});
