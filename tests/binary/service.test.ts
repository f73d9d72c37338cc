import { expect, test } from "bun:test";
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
  ["worker_id: w\n", [], "service takes one of install, uninstall, status"],
  ["worker_id: w\n", ["install", "--user", "a b"], "is no name of a user"],
] as const)("with %j service %j says what is wrong and does nothing", async (config, args, says) => {
  const refused = await service(config, ...args);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(says);
});
