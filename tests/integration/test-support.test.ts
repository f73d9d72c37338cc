/** The tests' own tools: a fake agent that notes wrongly, or a wait that never fails, would prove nothing. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { FakeAgent, isAlive } from "../support/fake-agent.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

function spawnAgent(agent: FakeAgent, taskId: string, env: Record<string, string> = {}, more: string[] = []) {
  return Bun.spawn([agent.path, "agent", "run", "--task-id", taskId, ...more], {
    env: { PATH: process.env["PATH"] ?? "", TASK_ID: "overridden", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    detached: true,
  });
}

describe("the fake agent", () => {
  test("notes argv, environment and folder of each run to the byte", async () => {
    await using dir = await TempDir.create();
    await using agent = await FakeAgent.create(dir);
    const odd = ["", "a b", "$(touch x)", "line\nbreak", "ü'\""];
    for (const value of ["1", "multi\nline=2"]) await spawnAgent(agent, "t.1", { ODD: value }, odd).exited;
    const runs = agent.runs("t.1");
    expect(runs).toHaveLength(2);
    expect(runs[0]?.argv).toEqual(["agent", "run", "--task-id", "t.1", ...odd]);
    expect(runs.map((run) => run.env["ODD"])).toEqual(["1", "multi\nline=2"]);
    expect(runs[0]?.cwd).toBe(process.cwd());
    expect(runs[0]?.ended).toBe(true);
    expect(agent.runs("t")).toEqual([]);
  });

  test("exits, dies and prints as told", async () => {
    await using dir = await TempDir.create();
    await using agent = await FakeAgent.create(dir);
    expect(await spawnAgent(agent, "exit", { AGENT_EXIT: "7" }).exited).toBe(7);
    expect(await spawnAgent(agent, "signal", { AGENT_SIGNAL: "KILL" }).exited).toBe(137);
    const printing = spawnAgent(agent, "print", { AGENT_OUTPUT_BYTES: "100000", AGENT_STDOUT: "hello" });
    expect((await printing.stdout.text()).length).toBe(100_006);
  });

  test("holds until it is released", async () => {
    await using dir = await TempDir.create();
    await using agent = await FakeAgent.create(dir);
    const child = spawnAgent(agent, "held", { AGENT_HOLD: "1" });
    const run = await agent.waitForStart("held");
    expect(run.ended).toBe(false);
    run.release();
    expect(await child.exited).toBe(0);
  });

  test("works on after SIGTERM when told to trap it", async () => {
    await using dir = await TempDir.create();
    await using agent = await FakeAgent.create(dir);
    const child = spawnAgent(agent, "trap", { AGENT_TRAP: "0.05", AGENT_SLEEP: "1000" });
    const run = await agent.waitForStart("trap");
    process.kill(-child.pid, "SIGTERM");
    expect(await child.exited).toBe(143);
    expect(run.trapped).toBe(true);
    expect(run.ended).toBe(false);
  });

  test("leaves grandchildren, which its disposal kills", async () => {
    await using dir = await TempDir.create();
    const agent = await FakeAgent.create(dir);
    await spawnAgent(agent, "parent", { AGENT_GRANDCHILD: "1" }).exited;
    const [run] = agent.runs("parent");
    const left = run?.alive ?? [];
    expect(left.map(({ label }) => label)).toEqual(["child", "setsid"]);
    await agent[Symbol.asyncDispose]();
    await eventually(() => !left.some(isAlive), "the grandchildren to be gone");
  });
});

describe("a worker process", () => {
  const stub = [process.execPath, resolve(import.meta.dir, "../support/stub-worker.ts"), "work"];

  test("runs against a control plane, is stopped by signal, and takes its folder along", async () => {
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    let folder = "";
    {
      await using worker = await WorkerProcess.start({ plane, command: stub, config: "worker_id: stub\n" });
      folder = worker.dir.path;
      const { taskId } = plane.submit(assignment());
      await plane.waitForTask(taskId, ["completed"]);
      expect(await worker.stop()).toBe(0);
    }
    expect(await Bun.file(`${folder}/worker.yaml`).exists()).toBe(false);
  });

  test("shows its output, and a wait for a line that never comes ends with it", async () => {
    const script = "echo out; echo 'level=warn one' >&2; exit 3";
    await using worker = await WorkerProcess.start({ command: ["/bin/sh", "-c", script] });
    expect((await worker.waitForLog(/level=(\w+)/))[1]).toBe("warn");
    expect(await worker.finished()).toBe(3);
    expect(worker.stdout).toBe("out\n");
    await expect(worker.waitForLog(/never/)).rejects.toThrow("ended without");
  });

  // It went on trying to connect after the tests, for nobody had it to end it.
  test("that does not come so far as it is waited for is ended, and its folder goes", async () => {
    await using dir = await TempDir.create();
    const note = dir.join("note");
    const script = `echo "$$ $HOME" >${note}; exec sleep 1000 2>&-`;
    const starting = WorkerProcess.startUntil({ command: ["/bin/sh", "-c", script] }, [/never/]);
    await expect(starting).rejects.toThrow("ended without /never/");
    const [pid, home = ""] = (await Bun.file(note).text()).trim().split(" ");
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
    expect(existsSync(home)).toBe(false);
  });

  test("gets nothing of the test's own environment but PATH", async () => {
    await using worker = await WorkerProcess.start({
      command: ["/usr/bin/env"],
      apiKey: null,
      env: { MORE: "1" },
    });
    await worker.finished();
    const names = worker.stdout.split("\n").map((line) => line.split("=")[0]);
    expect(names.filter(Boolean).sort()).toEqual(["HOME", "MORE", "PATH", "STATE_DIRECTORY", "TMPDIR"]);
  });
});

test("eventually tells what it waited for and why it did not come", async () => {
  const probe = () => {
    throw new Error("not yet");
  };
  const failure = await eventually(probe, "the impossible", { timeoutMs: 1 }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ message: "Waited 1 ms for the impossible", cause: new Error("not yet") });
});
