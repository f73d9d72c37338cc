/** The Slurm example against a real Slurm: handed over, run, cancelled while it waits and while it runs. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type AssignmentFields, assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { liveDescribe } from "../support/live.ts";
import { SLURM_NEEDS, Slurm } from "../support/slurm.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const EXAMPLE = resolve(import.meta.dir, "../../examples/command/slurm");
const SECRET = 'sesame-of-the-task\'s\n"own" $HOME';
const KEY = "wk-of-the-worker";

const jobName = (taskId: string) =>
  `oz-${createHash("sha256").update(`${taskId} exec-${taskId}`).digest("hex").slice(0, 16)}`;

/** One worker with the example's own configuration, in front of Slurm. */
class Rig implements AsyncDisposable {
  readonly site: CommandSite;
  readonly agent: FakeAgent;
  readonly spool: string;
  worker: WorkerProcess;
  readonly #start: () => Promise<WorkerProcess>;

  private constructor(
    site: CommandSite,
    agent: FakeAgent,
    start: () => Promise<WorkerProcess>,
    worker: WorkerProcess,
  ) {
    this.site = site;
    this.agent = agent;
    this.spool = site.dir.join("spool");
    this.#start = start;
    this.worker = worker;
  }

  static async create(slurm: Slurm): Promise<Rig> {
    const site = await CommandSite.create({ apiKey: KEY });
    const agent = await FakeAgent.create(site.dir);
    const start = () => startWorker(site, slurm, agent);
    return new Rig(site, agent, start, await start());
  }

  async restartWorker(): Promise<void> {
    expect(await this.worker.stop()).toBe(0);
    await this.worker[Symbol.asyncDispose]();
    this.worker = await this.#start();
  }

  async handOver(fields: AssignmentFields = {}): Promise<string> {
    const task = assignment({ ...fields, env: { SECRET, ...fields.env } });
    await this.site.handOver(task, this.worker);
    return task.task_id;
  }

  async cancel(taskId: string): Promise<void> {
    this.site.plane.cancel(taskId);
    await this.worker.waitForLog(new RegExp(`cancellation passed on.*${taskId}`), 30_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker[Symbol.asyncDispose]();
    await this.agent[Symbol.asyncDispose]();
    await this.site[Symbol.asyncDispose]();
  }
}

async function startWorker(site: CommandSite, slurm: Slurm, agent: FakeAgent): Promise<WorkerProcess> {
  const config = Bun.YAML.parse(readFileSync(`${EXAMPLE}/config.yaml`, "utf8")) as {
    readonly backend: {
      readonly command: { readonly dispatch_command: string; readonly cancel_command: string };
    };
  };
  const { dispatch_command: dispatch, cancel_command: cancel } = config.backend.command;
  const env = { ...slurm.env, OZ_SPOOL: site.dir.join("spool"), OZ_AGENT: agent.path };
  return await site.start({
    dispatch,
    cancel,
    cwd: EXAMPLE,
    env,
    apiKey: KEY,
    flags: ["--log-level", "debug"],
  });
}

liveDescribe("with the Slurm example", SLURM_NEEDS, () => {
  let slurm: Slurm;

  beforeAll(async () => {
    slurm = await Slurm.start();
  });
  afterAll(async () => {
    await slurm?.[Symbol.asyncDispose]();
  });

  whatRuns(() => slurm);
  whatIsHidden(() => slurm);
  whatIsCancelled(() => slurm);
});

function whatRuns(slurmNow: () => Slurm): void {
  test("a task runs on a node with its arguments and environment, and the worker says nothing of its end", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    const taskId = await rig.handOver({
      more: { additional_oz_args: ["a b", "", "$(touch pwned)", "it's"] },
    });
    const run = await rig.agent.waitForStart(taskId, 1, { timeoutMs: 30_000 });
    expect(run.argv.slice(-5)).toEqual(["a b", "", "$(touch pwned)", "it's", "--idle-on-complete"]);
    expect(run.env).toMatchObject({ TASK_ID: taskId, SECRET, GIT_TERMINAL_PROMPT: "0" });
    expect(JSON.stringify(run.env)).not.toContain(KEY);
    await slurm.waitForJob(jobName(taskId), "COMPLETED");
    expect(run.ended).toBe(true);
    expect(rig.site.terminals(taskId)).toEqual([]);
    expect(readdirSync(rig.spool)).toEqual([`${jobName(taskId)}.out`]);
  });

  test("what Slurm refuses is a failed task with Slurm's words, and leaves no payload", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    await slurm.ask("scontrol", "update", "PartitionName=oz", "State=INACTIVE");
    try {
      const task = await rig.site.run(assignment({ env: { SECRET } }));
      expect(task).toMatchObject({ failureReason: "dispatch_command", terminals: 1 });
      expect(task.message).toMatch(/sbatch: error: .*(?:partition|submit)/i);
      expect(readdirSync(rig.spool)).toEqual([]);
    } finally {
      await slurm.ask("scontrol", "update", "PartitionName=oz", "State=UP");
    }
  });
}

function whatIsHidden(slurmNow: () => Slurm): void {
  test("a task's secrets are in nothing that Slurm shows or keeps, nor in a file that others can read", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    const running = await rig.handOver({ env: { AGENT_HOLD: "1" } });
    const run = await rig.agent.waitForStart(running, 1, { timeoutMs: 30_000 });
    const waiting = await rig.handOver();
    await slurm.waitForJob(jobName(waiting), "PENDING");
    const shown = [
      await slurm.ask("scontrol", "--details", "show", "job"),
      await slurm.ask("squeue", "--format=%all"),
      await slurm.ask("ps", "-eo", "args"),
      rig.worker.stderr,
    ];
    expect(shown[0]).toContain(jobName(waiting));
    for (const text of shown) for (const part of ["sesame", KEY, "do it"]) expect(text).not.toContain(part);
    expect(statSync(rig.spool).mode & 0o777).toBe(0o700);
    const held = `${rig.spool}/${jobName(waiting)}.json`;
    expect(statSync(held).mode & 0o777).toBe(0o600);
    expect(readFileSync(held, "utf8")).toContain("sesame");
    // The controller's saved state, the node's spool with the batch scripts, all logs.
    const kept = readdirSync(slurm.dir.path, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(kept.map(({ name }) => name)).toContain("slurm_script");
    for (const { parentPath, name } of kept) {
      const bytes = readFileSync(`${parentPath}/${name}`, "latin1");
      for (const part of ["sesame", KEY]) expect(bytes).not.toContain(part);
    }
    await rig.cancel(waiting);
    run.release();
  });
}

function whatIsCancelled(slurmNow: () => Slurm): void {
  test("a cancellation ends a task that waits, which then never runs, and its payload is gone", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    const running = await rig.handOver({ env: { AGENT_HOLD: "1" } });
    const run = await rig.agent.waitForStart(running, 1, { timeoutMs: 30_000 });
    const waiting = await rig.handOver();
    await slurm.waitForJob(jobName(waiting), "PENDING");
    await rig.cancel(waiting);
    await slurm.waitForJob(jobName(waiting), "CANCELLED");
    expect(existsSync(`${rig.spool}/${jobName(waiting)}.json`)).toBe(false);
    expect(run.alive).toHaveLength(1);
    run.release();
    await slurm.waitForJob(jobName(running), "COMPLETED");
    expect(rig.agent.runs(waiting)).toEqual([]);
    expect(rig.site.terminals(waiting)).toEqual([]);
  });

  test("a cancellation ends a task that runs, gently, and to its last child", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    const taskId = await rig.handOver({ env: { AGENT_TRAP: "0.2", AGENT_SLEEP: "1000" } });
    const run = await rig.agent.waitForStart(taskId, 1, { timeoutMs: 30_000 });
    await rig.cancel(taskId);
    await slurm.waitForJob(jobName(taskId), "CANCELLED");
    await eventually(() => run.alive.length === 0, "the agent to end", { timeoutMs: 30_000 });
    expect(run.trapped).toBe(true);
  });

  test("a task outlives a restart of slurmctld and one of the worker, and can be cancelled then", async () => {
    const slurm = slurmNow();
    await using rig = await Rig.create(slurm);
    const taskId = await rig.handOver({ env: { AGENT_HOLD: "1" } });
    const run = await rig.agent.waitForStart(taskId, 1, { timeoutMs: 30_000 });
    const waiting = await rig.handOver();
    await slurm.restartController();
    await rig.restartWorker();
    await slurm.waitForJob(jobName(taskId), "RUNNING");
    expect(run.alive).toHaveLength(1);
    await rig.cancel(taskId);
    await slurm.waitForJob(jobName(taskId), "CANCELLED");
    await slurm.waitForJob(jobName(waiting), "COMPLETED");
    expect(rig.agent.runs(waiting)).toHaveLength(1);
  });
}
