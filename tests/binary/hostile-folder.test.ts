/** The folder, the variables and the limits that the worker is started with do not change what it or its tasks do. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { workerCommand } from "../support/worker-process.ts";

const isCompiled = workerCommand().length === 1;

/** All that a Bun program would pick up from the folder it is started in. */
async function hostileFolder(site: DirectSite): Promise<{ readonly path: string; readonly mark: string }> {
  const mark = site.dir.join("evil-was-here");
  const evil = `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "x");\n`;
  await site.dir.write("hostile/evil.js", evil);
  await site.dir.write(
    "hostile/bunfig.toml",
    'preload = ["./evil.js"]\nlogLevel = "debug"\n[run]\nbun = true\n',
  );
  await site.dir.write(
    "hostile/.env",
    "WARP_API_KEY=from-dotenv\nFROM_DOTENV=1\nHTTP_PROXY=http://127.0.0.1:1\n",
  );
  await site.dir.write("hostile/.env.local", "FROM_DOTENV_LOCAL=1\nLOG_LEVEL=debug\n");
  await site.dir.write(
    "hostile/package.json",
    '{"name": "evil", "imports": {"#x": "./evil.js"}, "preload": "./evil.js"',
  );
  await site.dir.write("hostile/tsconfig.json", '{"compilerOptions": {"paths": {"*": ["./evil.js"]}}}');
  for (const name of ["yaml", "dotenv", "consola", "valibot"]) {
    await site.dir.write(`hostile/node_modules/${name}/index.js`, evil);
  }
  return { path: site.dir.join("hostile"), mark };
}

describe("a hostile folder", () => {
  test("runs nothing of its own in the worker, its hooks' shim or its tasks", async () => {
    await using site = await DirectSite.create();
    const { path, mark } = await hostileFolder(site);
    const note = site.dir.join("setup.env");
    const direct = { setup_command: `env >'${note}'; echo A=1 >"$OZ_ENVIRONMENT_FILE"` };
    await using worker = await site.start({ cwd: path, direct });
    const { taskId, state } = await site.run(assignment());
    expect(state).toBe("completed");
    const agent = site.agent.runs(taskId)[0]?.env ?? {};
    expect(agent["A"]).toBe("1");
    expect(Object.keys(agent).filter((name) => name.startsWith("FROM_DOTENV"))).toEqual([]);
    expect(readFileSync(note, "utf8")).not.toMatch(/FROM_DOTENV|from-dotenv/);
    expect(await worker.stop()).toBe(0);
    expect(existsSync(mark)).toBe(false);
  });

  test("gives no API key by its .env", async () => {
    await using site = await DirectSite.create();
    const { path, mark } = await hostileFolder(site);
    await using worker = await site.start({ cwd: path, apiKey: null, connected: false });
    expect(await worker.finished()).toBe(2);
    expect(worker.stderr).toMatch(/No API key is given/);
    expect(existsSync(mark)).toBe(false);
  });

  test("has no say in `version` either", async () => {
    await using site = await DirectSite.create();
    const { path, mark } = await hostileFolder(site);
    await using worker = await site.start({
      cwd: path,
      command: [...workerCommand(), "version"],
      connected: false,
    });
    await worker.finished();
    expect(existsSync(mark)).toBe(false);
  });
});

test("variables of the worker's own runtime reach neither agent nor setup_command", async () => {
  await using site = await DirectSite.create();
  const note = site.dir.join("setup.env");
  const env = {
    BUN_INSTALL: "/bun",
    BUN_MARK: "1",
    DENO_MARK: "1",
    BUN_CONFIG_REGISTRY: "https://r",
    NODE_MARK: "1",
  };
  const direct = { setup_command: `env >'${note}'` };
  await using _worker = await site.start({ env, direct });
  const { taskId } = await site.run(assignment());
  const names = Object.keys(site.agent.runs(taskId)[0]?.env ?? {});
  expect(names.filter((name) => /^(?:BUN|DENO|NODE)_/.test(name))).toEqual([]);
  const ofSetup = readFileSync(note, "utf8");
  expect(ofSetup).not.toMatch(/^BUN_/m);
  // A Deno of the operator's own is none of ours, unless we run by it.
  expect(/^DENO_/m.test(ofSetup)).toBe(workerCommand()[0]?.endsWith("deno-worker") !== true);
  expect(ofSetup).toMatch(/^NODE_MARK=1$/m);
});

// The environment is its owner's, as LD_PRELOAD is; docs/operations.md says so. What is ours is where it ends.
describe("BUN_OPTIONS, which the runtime in the executable obeys,", () => {
  test("has its say in the worker, and ends there: neither shim, hooks nor agent have it", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("preloaded");
    const preload = await site.dir.write(
      "preload.js",
      `require("node:fs").appendFileSync(${JSON.stringify(note)}, process.argv.slice(2).join(" ") + "\\n");\n`,
    );
    const setup = site.dir.join("setup.env");
    await using worker = await site.start({
      env: { BUN_OPTIONS: `--preload=${preload}`, BUN_BE_BUN: "" },
      direct: { setup_command: `env >'${setup}'` },
    });
    const { taskId, state } = await site.run(assignment());
    expect(state).toBe("completed");
    expect(Object.keys(site.agent.runs(taskId)[0]?.env ?? {})).not.toContain("BUN_OPTIONS");
    expect(readFileSync(setup, "utf8")).not.toMatch(/^BUN_/m);
    expect(await worker.stop()).toBe(0);
    const starts = readFileSync(note, "utf8").trim().split("\n");
    expect(starts).toHaveLength(1);
    expect(starts[0]).toContain("--config-file");
  });

  test.if(isCompiled)("and BUN_BE_BUN=1 makes it the bare runtime, as the documentation says", () => {
    const [program = ""] = workerCommand();
    const run = Bun.spawnSync([program, "--version"], { env: { BUN_BE_BUN: "1" } });
    expect(run.stdout.toString().trim()).toBe(Bun.version);
  });
});

test("the agent and the setup have the soft limit of open files that the daemon was given", async () => {
  await using site = await DirectSite.create();
  const note = site.dir.join("limits");
  const oz_path = await site.dir.write(
    "limit-oz",
    `#!/bin/sh\nulimit -Sn >>'${note}'\nulimit -Hn >>'${note}'\n`,
    0o755,
  );
  // The shell stays, as a service's own would: by the time that the daemon can look, Bun has raised
  // its own limit, so the limit is read from its parent.
  const shell = 'ulimit -Sn 1000; "$@" & trap "kill -TERM $!" TERM; wait $!; wait $!';
  const command = ["/bin/sh", "-c", shell, "sh", ...workerCommand()];
  const direct = { oz_path, setup_command: `ulimit -Sn >'${note}'` };
  await using worker = await site.start({ command, direct });
  expect((await site.run(assignment())).state).toBe("completed");
  const [setup, soft, hard] = readFileSync(note, "utf8").trim().split("\n");
  expect([setup, soft]).toEqual(["1000", "1000"]);
  expect(Number(hard)).toBeGreaterThan(1000);
  await worker.stop();
});

test("the agent reads nothing from the worker's input, and its output is the worker's own", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  const env = { AGENT_STDOUT: "printed by the agent", AGENT_STDERR: "complained by the agent" };
  await site.run(assignment({ env }));
  await worker.waitForStdout(/^printed by the agent$/m);
  await worker.waitForLog(/^complained by the agent$/m);
});
