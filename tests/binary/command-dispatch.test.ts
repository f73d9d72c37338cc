/** How a dispatch ends, and what the control plane is told of it: nothing when it went well. */
import { describe, expect, test } from "bun:test";
import { assignment, assignments } from "../support/assignments.ts";
import { CommandSite, KEEP_PAYLOAD, LEAVE_CHILDREN } from "../support/command-site.ts";
import { shimOf } from "../support/shims.ts";
import { descriptorsOf } from "../unit/process/spawned.ts";

const SECRET = "sesame-of-the-task";

describe("a dispatch that exits with 0", () => {
  test("ends the task here without a message, and its slot is free", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: KEEP_PAYLOAD, top: { max_concurrent_tasks: 1 } });
    const tasks = assignments(5);
    for (const task of tasks) await site.handOver(task, worker);
    for (const { task_id } of tasks) {
      // The log may be read before the link.
      expect(await site.plane.waitForTask(task_id, ["claimed"])).toMatchObject({ claims: 1 });
      expect(site.terminals(task_id)).toEqual([]);
      expect(site.payload(task_id)["run_id"]).toBe(task_id);
    }
    expect(await worker.stop()).toBe(0);
  });

  test("is not repeated when the assignment is delivered again", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: 'echo run >>"$NOTES/runs"' });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.faults.send("task_assignment", task);
    await worker.waitForLog(/assignment of an ended execution answered again/);
    expect(site.note("runs")).toBe("run\n");
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  test("may leave processes running, for they may be what runs the task", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: `${LEAVE_CHILDREN} >/dev/null 2>&1` });
    await site.handOver(assignment(), worker);
    expect(site.alive).toEqual(["child", "setsid"]);
    await worker.stop();
    expect(site.alive).toEqual(["child", "setsid"]);
  });

  test("counts although what it left running holds its output open", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: LEAVE_CHILDREN });
    await site.handOver(assignment(), worker);
    expect(site.alive).toEqual(["child", "setsid"]);
  });

  test("before it has read its input, or without reading all of it, is as good as any", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: "head -c 10 >/dev/null; exec <&-; exit 0" });
    const env = { BIG: "x".repeat(1_000_000) };
    for (const task of assignments(3, { env })) await site.handOver(task, worker);
    expect(worker.running).toBe(true);
  });
});

describe("a dispatch that fails", () => {
  const TABLE: readonly [string, string, string, number][] = [
    ["a status", "exit 3", "dispatch_command exited with status 3", 3],
    ["a status and words", "echo no room >&2; exit 3", "dispatch_command exited with status 3: no room", 3],
    ["no input read", "exit 255", "dispatch_command exited with status 255", 255],
    ["a signal", "kill -KILL $$", "dispatch_command was ended by signal 9 (status 137)", 137],
    ["a TERM of its own", "kill -TERM $$", "dispatch_command was ended by signal 15 (status 143)", 143],
    [
      "a program that is not there",
      "true; /no/such/program",
      "dispatch_command was not found (status 127); see that the program is installed and on the worker's PATH: ",
      127,
    ],
    [
      "a program that cannot be executed",
      "true; /etc/passwd",
      "dispatch_command could not be executed (status 126); see that the program is executable and its interpreter there: ",
      126,
    ],
    ["shell text that does not parse", "if then", "dispatch_command exited with status 2: ", 2],
  ];

  test.each(TABLE)("with %s is one failed message that says so", async (_what, dispatch, says, exitCode) => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch });
    const task = await site.run(assignment());
    expect(task).toMatchObject({
      state: "failed",
      failureReason: "dispatch_command",
      exitCode,
      terminals: 1,
    });
    expect(task.message).toStartWith(`Failed to execute task: ${says}`);
    if (!says.endsWith(": ")) expect(task.message).toBe(`Failed to execute task: ${says}`);
  });

  test("takes what it left in its group with it", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: `${LEAVE_CHILDREN}; exit 1` });
    await site.run(assignment());
    expect(site.alive).toEqual(["setsid"]);
  });

  test("shows the last 2 KiB of standard error, whole lines of many, without any value of the task", async () => {
    await using site = await CommandSite.create();
    const dispatch = `yes "noise and more noise" | head -c 5000000 >&2; cat >&2; printf '\\nKEY=%s\\nlast words\\n' "$WARP_API_KEY" >&2; exit 1`;
    await using worker = await site.start({ dispatch, apiKey: "test-key" });
    const env = {
      SECRET,
      QUOTED: 'say "sesame"\nand more of it',
      SHORT: "abc",
      LINES: "first-line\nsecond-line",
    };
    const { message } = await site.run(assignment({ env }));
    expect(message).toContain("last words");
    expect(message).toContain("KEY=***");
    expect(message).toContain('"SECRET":"***"');
    expect(message).toContain('"SHORT":"abc"');
    expect(Buffer.byteLength(message ?? "")).toBeLessThan(2_300);
    expect(Buffer.byteLength(message ?? "")).toBeGreaterThan(2_000);
    for (const part of [SECRET, "sesame", "first-line", "second-line"]) {
      expect(message).not.toContain(part);
      expect(worker.stderr).not.toContain(part);
    }
  });

  test("does not run at all when a sidecar cannot be mounted", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: KEEP_PAYLOAD });
    const task = await site.run(
      assignment({ more: { additional_sidecars: [{ image: "a", mount_path: "" }] } }),
    );
    expect(task).toMatchObject({ state: "failed", failureReason: "sidecar_prep" });
    expect(site.note(`${task.taskId}.payload`)).toBe("");
  });

  test("does not run at all when a name cannot be an environment variable's value", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: 'echo run >>"$NOTES/runs"' });
    const byImage = await site.run(assignment({ more: { docker_image: "a\0b" } }));
    const byName = await site.run(assignment({ taskId: "a\0b" }));
    for (const { failureReason, message } of [byImage, byName]) {
      expect([failureReason, message]).toEqual([
        "dispatch_command",
        expect.stringContaining("NUL character"),
      ]);
    }
    expect(site.note("runs")).toBe("");
  });
});

describe("under load", () => {
  test("5 MB of payload arrive whole", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: KEEP_PAYLOAD });
    const task = assignment({ prompt: 'é"\n'.repeat(1_250_000), env: { SECRET } });
    await site.handOver(task, worker);
    expect(site.payload(task.task_id)).toMatchObject({ task: task["task"], env: { SECRET } });
  });

  test("200 dispatches at once each get their own task, and leave no descriptor behind", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: `${KEEP_PAYLOAD}; sleep 0.2; echo said >&2` });
    const tasks = assignments(200);
    await site.handOver(assignment(), worker);
    const shim = shimOf(worker.pid);
    const before = descriptorsOf(shim).length;
    await Promise.all(tasks.map((task) => site.handOver(task, worker)));
    for (const { task_id } of tasks) expect(site.payload(task_id)).toMatchObject({ run_id: task_id });
    expect(shimOf(worker.pid)).toBe(shim);
    expect(descriptorsOf(shim).length).toBeLessThan(before + 10);
  });
});
