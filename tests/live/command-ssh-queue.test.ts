/** The ssh-queue example over a real sshd: handed over, run one by one, cancelled waiting and running. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type AssignmentFields, assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { LIVE_PATH, liveDescribe } from "../support/live.ts";
import { SSH_NEEDS, Sshd } from "../support/sshd.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const EXAMPLE = resolve(import.meta.dir, "../../examples/command/ssh-queue");
const SECRET = 'sesame-of-the-task\'s\n"own" $HOME';
const SLOW = { timeoutMs: 30_000 };

const jobName = (taskId: string) =>
  createHash("sha256").update(`${taskId} exec-${taskId}`).digest("hex").slice(0, 16);

class Rig implements AsyncDisposable {
  readonly site: CommandSite;
  readonly agent: FakeAgent;
  readonly queue: string;
  readonly #stack: AsyncDisposableStack;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(
    site: CommandSite,
    agent: FakeAgent,
    stack: AsyncDisposableStack,
    env: Readonly<Record<string, string>>,
  ) {
    this.site = site;
    this.agent = agent;
    this.queue = site.dir.join("queue");
    this.#stack = stack;
    this.#env = env;
  }

  static async create(): Promise<Rig> {
    const stack = new AsyncDisposableStack();
    const site = stack.use(await CommandSite.create());
    const agent = stack.use(await FakeAgent.create(site.dir));
    const far = { OZ_QUEUE_DIR: site.dir.join("queue"), OZ_AGENT: agent.path, PATH: LIVE_PATH };
    const sshd = stack.use(await Sshd.start(site.dir, far));
    const env = { OZ_SSH: sshd.command, OZ_QUEUE_HOST: sshd.host, OZ_QUEUE: `${EXAMPLE}/oz-queue` };
    return new Rig(site, agent, stack, { ...far, ...env });
  }

  async start(): Promise<WorkerProcess> {
    const config = Bun.YAML.parse(readFileSync(`${EXAMPLE}/config.yaml`, "utf8")) as {
      readonly backend: {
        readonly command: { readonly dispatch_command: string; readonly cancel_command: string };
      };
    };
    const { dispatch_command: dispatch, cancel_command: cancel } = config.backend.command;
    const { OZ_QUEUE_DIR: _, OZ_AGENT: __, ...env } = this.#env;
    return this.#stack.use(await this.site.start({ dispatch, cancel, cwd: EXAMPLE, env }));
  }

  /** The far side's own process; ended with the rig. */
  work(): void {
    const child = Bun.spawn([`${EXAMPLE}/oz-queue`, "work"], {
      env: { HOME: this.site.dir.path, ...this.#env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#stack.defer(async () => {
      child.kill();
      await child.exited;
    });
  }

  async handOver(worker: WorkerProcess, fields: AssignmentFields = {}): Promise<string> {
    const task = assignment({ ...fields, env: { SECRET, ...fields.env } });
    await this.site.handOver(task, worker);
    return task.task_id;
  }

  async cancel(worker: WorkerProcess, taskId: string): Promise<void> {
    this.site.plane.cancel(taskId);
    await worker.waitForLog(new RegExp(`cancellation passed on.*${taskId}`), 30_000);
  }

  waiting(): string[] {
    return readdirSync(`${this.queue}/new`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

liveDescribe("with the ssh-queue example", SSH_NEEDS, () => {
  test("tasks wait on the other host and run there one after the other, whole", async () => {
    await using rig = await Rig.create();
    const worker = await rig.start();
    const more = { additional_oz_args: ["a b", "", "$(touch pwned)", "it's"] };
    const first = await rig.handOver(worker, { more, env: { AGENT_HOLD: "1" } });
    const second = await rig.handOver(worker);
    expect(rig.waiting().toSorted()).toEqual([first, second].map(jobName).toSorted());
    rig.work();
    const run = await rig.agent.waitForStart(first, 1, SLOW);
    expect(run.argv.slice(-5)).toEqual(["a b", "", "$(touch pwned)", "it's", "--idle-on-complete"]);
    expect(run.env).toMatchObject({ TASK_ID: first, SECRET });
    expect(rig.waiting()).toEqual([jobName(second)]);
    run.release();
    await rig.agent.waitForStart(second, 1, SLOW);
    await eventually(() => readdirSync(`${rig.queue}/running`).length === 0, "both to end", SLOW);
    expect([...rig.waiting(), ...readdirSync(`${rig.queue}/part`)]).toEqual([]);
  });

  test("a cancellation takes a waiting task away, and ends a running one to its last child in its session", async () => {
    await using rig = await Rig.create();
    const worker = await rig.start();
    const running = await rig.handOver(worker, { env: { AGENT_TRAP: "0.1", AGENT_SLEEP: "1000" } });
    const waiting = await rig.handOver(worker);
    rig.work();
    const run = await rig.agent.waitForStart(running, 1, SLOW);
    await rig.cancel(worker, waiting);
    expect(rig.waiting()).toEqual([]);
    await rig.cancel(worker, running);
    await eventually(() => run.alive.length === 0, "the agent to end", SLOW);
    expect(run.trapped).toBe(true);
    expect(rig.agent.runs(waiting)).toEqual([]);
  });

  test("a host that does not answer is a failed task with the words of ssh", async () => {
    await using rig = await Rig.create();
    await using worker = await rig.site.start({
      dispatch: "./dispatch",
      cwd: EXAMPLE,
      env: { OZ_QUEUE_HOST: "127.0.0.1", OZ_SSH: "ssh -o BatchMode=yes -F /dev/null -p 1" },
    });
    const task = await rig.site.run(assignment({ env: { SECRET } }));
    expect(task).toMatchObject({ failureReason: "dispatch_command", exitCode: 255, terminals: 1 });
    expect(task.message).toMatch(/exited with status 255: .*[Cc]onnect.*refused/s);
    expect(worker.running).toBe(true);
  });
});
