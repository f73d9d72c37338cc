/** Whatever arrives, the daemon stays up, the sender is told where it can be, and the next good task runs. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, WORKER_ID } from "../support/direct-site.ts";

const frame = (type: unknown, data: unknown) => JSON.stringify({ type, data });
const NAMELESS_ASSIGNMENT = { task: { id: "x" } };

/** Nobody can be told of these. */
const FRAMES: Readonly<Record<string, string | Uint8Array>> = {
  "no text": "",
  "white space": " \n\t ",
  "half an object": '{"type":"task_assignment","data":{"task_id":"half"',
  "not JSON": "task_assignment please",
  null: "null",
  "a number": "42",
  "a string": '"task_assignment"',
  "a list": "[]",
  "a list of messages": `[${frame("task_assignment", assignment())}]`,
  "an empty object": "{}",
  "no type": JSON.stringify({ data: assignment() }),
  "a type that is null": frame(null, assignment()),
  "a type that is a number": frame(7, assignment()),
  "a type that is a list": frame(["task_assignment"], assignment()),
  "an unknown type": frame("task_teleported", { task_id: "t" }),
  "a type of our own messages": frame("task_claimed", { task_id: "t", worker_id: WORKER_ID }),
  "a type named like a property of every object": frame("constructor", {}),
  "an assignment of null": frame("task_assignment", null),
  "an assignment without data": JSON.stringify({ type: "task_assignment" }),
  "an assignment that is a string": frame("task_assignment", "t"),
  "an assignment that is a list": frame("task_assignment", [assignment()]),
  "an assignment without a task id": frame("task_assignment", NAMELESS_ASSIGNMENT),
  "an assignment whose task id is a number": frame("task_assignment", { ...NAMELESS_ASSIGNMENT, task_id: 7 }),
  "an assignment whose task id is an object": frame("task_assignment", {
    ...NAMELESS_ASSIGNMENT,
    task_id: {},
  }),
  "an assignment whose task id is empty": frame("task_assignment", { ...NAMELESS_ASSIGNMENT, task_id: "" }),
  "a cancellation of null": frame("task_cancellation", null),
  "a cancellation without an id": frame("task_cancellation", {}),
  "a cancellation whose id is a list": frame("task_cancellation", { task_id: ["t"] }),
  "bytes that are no text": new Uint8Array([0, 255, 254, 1]),
  "bytes that are half a character": new Uint8Array([0x7b, 0xe2, 0x82]),
  "nothing at all in binary": new Uint8Array(),
  __proto__: '{"__proto__":{"type":"task_assignment"},"data":{"__proto__":{"task_id":"t"}}}',
  "very deep": `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  "5 MB of text": "x".repeat(5 * 1024 * 1024),
  "5 MB of JSON": frame("padding", "x".repeat(5 * 1024 * 1024)),
};

/** The sender is told which field. */
const FIELDS: Readonly<Record<string, { readonly more: object; readonly names: string }>> = {
  "no task": { more: { task: undefined }, names: "task" },
  "a task of null": { more: { task: null }, names: "task" },
  "a task that is a string": { more: { task: "do it" }, names: "task" },
  "a task that is a list": { more: { task: [] }, names: "task" },
  "env_vars that are a list": { more: { env_vars: ["A=1"] }, names: "env_vars" },
  "env_vars that are a string": { more: { env_vars: "A=1" }, names: "env_vars" },
  "a variable that is an object": { more: { env_vars: { A: "1", DEEP: { x: 1 } } }, names: "env_vars.DEEP" },
  "a variable that is a list": { more: { env_vars: { LIST: [1] } }, names: "env_vars.LIST" },
  "a variable with a NUL in it": { more: { env_vars: { ZERO: "a\0b" } }, names: "env_vars.ZERO" },
  "a variable without a name": { more: { env_vars: { "": "1" } }, names: "env_vars" },
  "a variable with = in its name": { more: { env_vars: { "A=B": "1" } }, names: "env_vars" },
  "arguments that are a string": { more: { additional_oz_args: "--x" }, names: "additional_oz_args" },
  "an argument that is a number": { more: { additional_oz_args: ["a", 1] }, names: "additional_oz_args[1]" },
  "an argument with a NUL in it": { more: { additional_oz_args: ["a\0"] }, names: "additional_oz_args[0]" },
};

const TASK_IDS: Readonly<Record<string, string>> = {
  "the folder above": "..",
  "the folder itself": ".",
  "a path up": "../x",
  "a path down": "a/b",
  "an absolute path": "/etc",
  "a backslash": "a\\b",
  "300 characters": "x".repeat(300),
  "256 bytes of 2 each": "ü".repeat(128),
  "a NUL": "a\0b",
  "a line break": "a\nb",
  "an escape": "a\u001b[2Jb",
  "a delete": "a\u007fb",
  "a leading dash": "-rf",
};

describe("a frame that is rubbish", () => {
  test(`of any of ${Object.keys(FRAMES).length} kinds leaves the worker and its link as they were`, async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const [running] = await site.hold(1);
    for (const [kind, rubbish] of Object.entries(FRAMES)) {
      site.plane.faults.sendRaw(rubbish);
      const { state } = await site.run(assignment({ title: kind }));
      expect([kind, state]).toEqual([kind, "completed"]);
    }
    expect(site.plane.connections.total).toBe(1);
    expect(site.plane.tasks().every(({ terminals, claims }) => claims === 1 && terminals <= 1)).toBe(true);
    expect(site.plane.frames.every(({ taskId }) => site.plane.task(taskId ?? "") !== undefined)).toBe(true);
    expect(worker.stderr).not.toMatch(/unexpected error|^\s+at /m);
    expect(worker.stderr).not.toContain("xxxx");
    running?.release();
    await site.plane.waitForAllTasks();
  });

  test("5 MB that is a good assignment runs", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = assignment({ prompt: "x".repeat(5 * 1024 * 1024) });
    expect((await site.run(task)).state).toBe("completed");
  });

  test("and one of 20 MB costs the link at most, never the worker", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    site.plane.faults.sendRaw("x".repeat(20 * 1024 * 1024));
    expect((await site.run(assignment())).state).toBe("completed");
    expect(worker.running).toBe(true);
  });
});

describe("an assignment with a field that cannot be used", () => {
  test(`of any of ${Object.keys(FIELDS).length} kinds is answered with task_failed, reason unknown, naming the field`, async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const answers: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [kind, { more, names }] of Object.entries(FIELDS)) {
      const task = assignment({ more: { ...more } });
      await site.run(task);
      answers[kind] = site.messages(task.task_id);
      const data = {
        task_id: task.task_id,
        failure_reason: "unknown",
        message: expect.stringContaining(`: ${names} `),
      };
      expected[kind] = [{ type: "task_failed", data }];
    }
    expect(answers).toEqual(expected);
    expect((await site.run(assignment())).state).toBe("completed");
    expect(worker.running).toBe(true);
  });
});

describe("a task id that is no folder name", () => {
  test(`of any of ${Object.keys(TASK_IDS).length} kinds fails with workspace_setup and leaves nothing behind`, async () => {
    await using site = await DirectSite.create();
    const precious = await site.dir.write("precious", "mine");
    await using worker = await site.start({ direct: { setup_command: "touch set-up" } });
    const answers: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [kind, taskId] of Object.entries(TASK_IDS)) {
      await site.run(assignment({ taskId }));
      answers[kind] = site.messages(taskId);
      const message = expect.stringMatching(/^Failed to execute task: /);
      expected[kind] = [
        { type: "task_claimed", data: { task_id: taskId, worker_id: WORKER_ID } },
        { type: "task_failed", data: { task_id: taskId, failure_reason: "workspace_setup", message } },
      ];
    }
    expect(answers).toEqual(expected);
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
    expect(readdirSync(worker.dir.join("tmp"))).toEqual([]);
    expect(await Bun.file(precious).text()).toBe("mine");
    expect((await site.run(assignment())).state).toBe("completed");
  });

  test("is odd and yet a name runs in a folder of that name", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    for (const taskId of ["a b", "ü漢", "x".repeat(250), "...", "*", "$(id)", "~", ".git"]) {
      expect((await site.run(assignment({ taskId }))).state).toBe("completed");
      expect(site.agent.runs(taskId)[0]?.cwd).toBe(`${site.workspaceRoot}/${taskId}`);
    }
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });
});
