/** No key and no value of an environment ever stands in the log, whatever the level and whatever goes wrong. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { WorkerProcess } from "../support/worker-process.ts";

const KEY = "wk-7f3a-worker";
const VALUES = {
  OF_THE_TASK: "value-of-the-task-1c9e",
  OF_THE_FILE: "value-of-the-file-55d0",
  OF_A_FLAG: "value-of-a-flag-ab12",
  OF_THE_SETUP: "value-of-the-setup-8e77",
  OF_THE_WORKER: "value-of-the-worker-3b3b",
};
const SECRETS = [KEY, ...Object.values(VALUES), "prompt-that-is-nobody's"];

async function everything(format: string) {
  const site = await DirectSite.create({ apiKey: KEY });
  const worker = await site.start({
    apiKey: KEY,
    flags: ["--log-level", "debug", "--log-format", format, "-e", `OF_A_FLAG=${VALUES.OF_A_FLAG}`],
    env: { OF_THE_WORKER: VALUES.OF_THE_WORKER },
    direct: {
      environment: [{ name: "OF_THE_FILE", value: VALUES.OF_THE_FILE }, { name: "OF_THE_WORKER" }],
      setup_command: `echo OF_THE_SETUP=${VALUES.OF_THE_SETUP} >"$OZ_ENVIRONMENT_FILE"; [ ! "$FAIL_SETUP" ]`,
      teardown_command: "exit 1",
    },
  });
  const env = { OF_THE_TASK: VALUES.OF_THE_TASK };
  const prompt = "prompt-that-is-nobody's";
  const task = (more: Record<string, string>) => assignment({ prompt, env: { ...env, ...more } });
  await site.run(task({}));
  await site.run(task({ AGENT_EXIT: "3" }));
  await site.run(task({ FAIL_SETUP: "1" }));
  await site.run(assignment({ more: { env_vars: { BAD: [VALUES.OF_THE_TASK] } } }));
  await site.run(assignment({ taskId: "../up", env }));
  const [held] = await site.holdAll([task({ AGENT_HOLD: "1" })]);
  site.plane.faults.sendRaw(`{"type":"task_assignment","data":{"task_id":"${VALUES.OF_THE_TASK}`);
  site.plane.faults.send("task_assignment", { task_id: 1, env_vars: env });
  site.plane.faults.send("unheard_of", env);
  await worker.waitForLog(/message of an unknown type skipped/);
  site.plane.faults.drop();
  await site.plane.waitForConnection(2);
  return { site, worker, held };
}

describe.each(["text", "json"])("the log at debug, as %s,", (format) => {
  test("has neither key nor environment value nor prompt in it", async () => {
    const { site: whole, worker: started, held } = await everything(format);
    await using site = whole;
    await using worker = started;
    expect(held?.env).toMatchObject(VALUES);
    expect(await worker.stop()).toBe(0);
    const said = worker.stdout + worker.stderr;
    expect(said.length).toBeGreaterThan(1_000);
    for (const secret of SECRETS) expect(said).not.toContain(secret);
    for (const frame of site.plane.frames) {
      for (const secret of SECRETS) expect(String(frame.raw)).not.toContain(secret);
    }
  });
});

test("the log names the control plane without the password and the query of its URL", async () => {
  await using site = await DirectSite.create();
  const config = site.config();
  const url = "ws://me:pass@word-5e1f@127.0.0.1:9/ws?token=token-77aa";
  await using worker = await WorkerProcess.start({
    config,
    flags: ["--log-level", "debug", "--web-socket-url", url],
  });
  await worker.waitForLog(/worker ready .*controlPlane=ws:\/\/127\.0\.0\.1:9\/ws /);
  await worker.waitForLog(/cannot connect/);
  expect(worker.stderr).not.toMatch(/word-5e1f|token-77aa/);
});

test("every line of the JSON log is one JSON object with time, level and message", async () => {
  const { site: whole, worker: started } = await everything("json");
  await using _site = whole;
  await using worker = started;
  await worker.stop();
  const lines = worker.stderr.split("\n").filter((line) => line !== "");
  for (const entry of lines.map((line) => JSON.parse(line))) {
    expect(entry).toMatchObject({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: expect.stringMatching(/^(?:debug|info|warn|error)$/),
      message: expect.stringMatching(/^[^\n]+$/),
    });
  }
  // A constant message, which a machine can look for: what differs from task to task is a field.
  const failures = lines.map((line) => JSON.parse(line)).filter(({ result }) => result === "failed");
  expect(failures.map(({ reason }) => reason)).toEqual([
    ...["agent_invocation", "setup_command", "workspace_setup", "graceful_shutdown"],
  ]);
  expect(failures.map(({ message }) => message)).toEqual(failures.map(() => "task failed"));
});

test("the state folder holds no environment value, key or prompt, and is its owner's alone", async () => {
  const { site: whole, worker: started } = await everything("text");
  await using site = whole;
  await using worker = started;
  worker.kill("SIGKILL");
  await worker.exited;
  const folder = site.dir.join("state/bar");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  expect(files.length).toBeGreaterThan(1);
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(`${parentPath}/${name}`, "latin1");
    for (const secret of SECRETS) expect(bytes).not.toContain(secret);
  }
  expect(
    Bun.file(folder)
      .stat()
      .then(({ mode }) => mode & 0o777),
  ).resolves.toBe(0o700);
});

test("a worker's key given by flag reaches no agent either", async () => {
  await using site = await DirectSite.create({ apiKey: KEY });
  await using _worker = await site.start({ apiKey: null, flags: ["--api-key", KEY] });
  const { taskId } = await site.run(assignment());
  const [run] = site.agent.runs(taskId);
  expect(JSON.stringify([run?.env, run?.argv])).not.toContain(KEY);
});

// An agent runs as the worker's user, and what it does may be somebody else's idea: `cat /proc/*/environ` is the first.
describe.if(process.platform === "linux")("in what the system shows of a worker", () => {
  test.each([
    ["WARP_API_KEY", { apiKey: KEY }],
    ["--api-key", { apiKey: null, flags: ["--api-key", KEY] }],
    ["--api-key=", { apiKey: null, flags: [`--api-key=${KEY}`] }],
  ])("no agent finds the key that was given by %s, and it is used on", async (_name, given) => {
    await using site = await DirectSite.create({ apiKey: KEY });
    await using worker = await site.start(given);
    const [run] = await site.hold(1);
    const shown = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${worker.pid}/${file}`, "utf8"));
    expect(shown.join()).not.toContain(KEY);
    expect(shown.join()).toContain("*".repeat(KEY.length));
    expect(shown.join()).toContain("STATE_DIRECTORY=/");
    site.plane.faults.drop();
    await site.plane.waitForConnection(2);
    run?.release();
    await site.plane.waitForAllTasks();
  });

  test("setup_command still has it", async () => {
    await using site = await DirectSite.create({ apiKey: KEY });
    const direct = { setup_command: `[ "$WARP_API_KEY" = ${KEY} ]` };
    await using _worker = await site.start({ apiKey: KEY, direct });
    expect((await site.run(assignment())).state).toBe("completed");
  });
});
