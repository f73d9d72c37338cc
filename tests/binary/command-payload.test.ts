/** What a dispatch command is given, to the letter: scripts of other people read it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseExactly } from "../../src/protocol/exact-json.ts";
import { setups, cases as table } from "../fixtures/assignments.json";
import { assignment } from "../support/assignments.ts";
import { CommandSite, KEEP_PAYLOAD, WORKER_ID } from "../support/command-site.ts";

interface SetUp {
  readonly flags: readonly string[];
  readonly server: string;
  readonly idle: string | null;
  readonly tail: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Case {
  readonly name: string;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly task?: Readonly<Record<string, unknown>>;
  readonly argv: readonly unknown[];
  readonly team?: boolean;
  readonly idle?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const cases = table as readonly Case[];
const OPERATOR = { environment: [{ name: "FROM_CONFIG", value: "cfg" }, { name: "PASSED" }] };
const WORKER_ENV = { PASSED: "through", PASSED_CLI: "through-cli", OF_THE_WORKER: "secret", LANG: "xx" };
/** In this order. */
const KEYS =
  "version run_id execution_id server_root_url worker_id docker_image base_args env sidecars task".split(" ");

/** What only the Direct backend adds to an environment. */
const OF_DIRECT = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GIT_CONFIG_GLOBAL"];

function assignmentOf({ more = {}, task = {} }: Case) {
  const whole = assignment({ more });
  return { ...whole, task: { ...(whole["task"] as object), ...task } };
}

function expectedOf(each: Case, setUp: SetUp, sent: ReturnType<typeof assignmentOf>) {
  const { more = {} } = each;
  const idle = each.idle ?? setUp.idle;
  const taskId = sent.task_id;
  const own = Object.entries(each.env ?? {}).filter(([name]) => !OF_DIRECT.includes(name));
  const given = Object.entries((more["env_vars"] ?? {}) as Record<string, string>);
  return {
    version: 1,
    run_id: taskId,
    execution_id: more["execution_id"] === null ? taskId : `exec-${taskId}`,
    server_root_url: setUp.server,
    worker_id: WORKER_ID,
    docker_image: more["docker_image"] ?? "ubuntu:22.04",
    base_args: [
      ...["agent", "run", ...(each.team ? ["--share", "team:edit"] : [])],
      ...["--task-id", taskId, "--sandboxed", "--server-root-url", setUp.server],
      ...each.argv,
      ...["--idle-on-complete", ...(idle === null ? [] : [idle]), ...setUp.tail],
    ],
    env: {
      TASK_ID: taskId,
      GIT_TERMINAL_PROMPT: "0",
      GH_PROMPT_DISABLED: "1",
      WARP_SERVER_ROOT_URL: setUp.server,
      ...Object.fromEntries(given.filter(([name]) => OF_DIRECT.includes(name))),
      ...setUp.env,
      ...Object.fromEntries(own),
    },
    sidecars: [
      ...(more["sidecar_image"]
        ? [{ image: more["sidecar_image"], mount_path: "/agent", read_write: false }]
        : []),
      ...((more["additional_sidecars"] ?? []) as unknown[]),
    ],
    task: sent.task,
  };
}

/** The text after --mcp as data: the order of its keys is nobody's contract. */
function withMcpRead(payload: Record<string, unknown>) {
  const args = payload["base_args"] as readonly string[];
  return {
    ...payload,
    base_args: args.map((word, index) => (args[index - 1] === "--mcp" ? JSON.parse(word) : word)),
  };
}

describe.each(Object.entries(setups as Record<string, SetUp>))("in the set-up %s", (_name, setUp) => {
  test(`${cases.length} assignments give payloads that are equal key for key`, async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({
      dispatch: KEEP_PAYLOAD,
      flags: setUp.flags,
      block: OPERATOR,
      env: WORKER_ENV,
    });
    const sent = cases.map((each) => ({ each, task: assignmentOf(each) }));
    await Promise.all(sent.map(({ task }) => site.handOver(task, worker)));
    for (const { each, task } of sent) {
      const payload = site.payload(task.task_id);
      expect(Object.keys(payload)).toEqual(KEYS);
      expect({ [each.name]: withMcpRead(payload) }).toEqual({ [each.name]: expectedOf(each, setUp, task) });
    }
  });
});

test("image, execution and sidecars are the assignment's, and the task keeps fields that nobody knows", async () => {
  await using site = await CommandSite.create();
  await using worker = await site.start({ dispatch: KEEP_PAYLOAD });
  const task = assignment({
    executionId: "e-1",
    more: {
      docker_image: "registry.example/app:1",
      sidecar_image: "agent:2",
      additional_sidecars: [
        { image: "tools:3", mount_path: "/tools", read_write: true },
        { image: "data:4", mount_path: "/data" },
      ],
    },
  });
  const unknown = { new_field: { deep: [1, null, "ü\u0000\u2028"] }, agent_config_snapshot: { later: true } };
  await site.handOver({ ...task, task: { ...(task["task"] as object), ...unknown } }, worker);
  const payload = site.payload(task.task_id);
  expect(payload).toMatchObject({
    execution_id: "e-1",
    docker_image: "registry.example/app:1",
    task: { ...(task["task"] as object), ...unknown },
  });
  expect(payload["sidecars"]).toEqual([
    { image: "agent:2", mount_path: "/agent", read_write: false },
    { image: "tools:3", mount_path: "/tools", read_write: true },
    { image: "data:4", mount_path: "/data", read_write: false },
  ]);
});

test("numbers of the task keep their digits, those that no JavaScript number holds too", async () => {
  await using site = await CommandSite.create();
  await using worker = await site.start({ dispatch: KEEP_PAYLOAD });
  const digits = '{"id":12345678901234567890,"one":1.0,"far":[1E400,-0,{"price":0.10}],"text":"1.0"}';
  const task = assignment();
  const later = { ...(task["task"] as object), later: parseExactly(digits) };
  await site.handOver({ ...task, task: later }, worker);
  expect(site.note(`${task.task_id}.payload`)).toContain(`"later":${digits}`);
});

test("the documented schema names the payload's keys, all required", () => {
  const schema = JSON.parse(
    readFileSync(new URL("../../docs/command-payload.schema.json", import.meta.url), "utf8"),
  );
  expect(Object.keys(schema.properties)).toEqual(KEYS);
  expect(schema.required).toEqual(KEYS);
  expect(schema.additionalProperties).not.toBe(false);
});

describe("the command's own environment", () => {
  const SECRET = "sesame-of-the-task";

  test("is the worker's and the operator's, with the task's names on top, and nothing of the task's own", async () => {
    await using site = await CommandSite.create();
    const show =
      'env -0 >"$NOTES/env"; cat "/proc/$$/environ" >"$NOTES/environ"; cat "/proc/$$/cmdline" >"$NOTES/argv"';
    await using worker = await site.start({
      dispatch: `${show}; ${KEEP_PAYLOAD}`,
      flags: ["-e", "OZ_RUN_ID=mine", "-e", "ADDED=flag"],
      block: {
        environment: [
          { name: "OZ_WORKER_BACKEND", value: "x" },
          { name: "ADDED", value: "file" },
        ],
      },
      env: {
        OF_THE_WORKER: "kept",
        BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
        OZ_DOCKER_IMAGE: "x",
        TASK_ID: "w",
      },
    });
    const task = assignment({ env: { SECRET, ADDED: "by the task" }, more: { docker_image: "img:1" } });
    await site.handOver(task, worker);
    const env = Object.fromEntries(
      site
        .note("env")
        .split("\0")
        .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
    expect(env).toMatchObject({
      OZ_RUN_ID: task.task_id,
      OZ_EXECUTION_ID: `exec-${task.task_id}`,
      OZ_WORKER_BACKEND: "command",
      OZ_SERVER_ROOT_URL: "https://app.warp.dev",
      OZ_DOCKER_IMAGE: "img:1",
      OF_THE_WORKER: "kept",
      ADDED: "flag",
      TASK_ID: "w",
    });
    expect(Object.keys(env).filter((name) => name.startsWith("BUN_"))).toEqual([]);
    for (const note of ["env", "environ", "argv"]) {
      expect(site.note(note).length).toBeGreaterThan(10);
      expect(site.note(note)).not.toContain(SECRET);
      expect(site.note(note)).not.toContain("do it");
    }
    expect(site.payload(task.task_id)).toMatchObject({ env: { SECRET, OZ_RUN_ID: "mine", ADDED: "flag" } });
  });

  test("as the kernel shows it while it runs, of the worker, its shim and the command, has no value of the task", async () => {
    await using site = await CommandSite.create();
    const hold = 'mkfifo "$NOTES/gate"; echo $$ $PPID >"$NOTES/pids"; read -r _ <"$NOTES/gate"';
    await using worker = await site.start({ dispatch: hold });
    const task = assignment({ env: { SECRET } });
    const over = site.handOver(task, worker);
    const [command = "", shim = ""] = (await site.waitForNote("pids")).trim().split(" ");
    for (const pid of [command, shim, String(worker.pid)]) {
      for (const file of ["environ", "cmdline"]) {
        expect(readFileSync(`/proc/${pid}/${file}`, "latin1")).not.toContain(SECRET);
      }
    }
    await Bun.write(`${site.notes}/gate`, "\n");
    await over;
  });

  test("has a folder of its own: the one that the worker was started in", async () => {
    await using site = await CommandSite.create();
    const cwd = await site.dir.mkdir("somewhere");
    await site.dir.write("somewhere/dispatch", '#!/bin/sh\npwd >"$NOTES/cwd"\n', 0o755);
    await using worker = await site.start({ dispatch: "./dispatch", cwd });
    await site.handOver(assignment(), worker);
    expect(site.note("cwd")).toBe(`${cwd}\n`);
  });
});
