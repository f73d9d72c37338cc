/**
 * Shows the main job, and checks what it shows: three tasks of examples/tasks go to a worker with the
 * Direct backend; one completes, one is cancelled half-way, one fails with its exit status.
 *
 *   scripts/demo
 *
 * The agent is `oz` when it is on PATH, else examples/agent.sh. A real `oz` does what its server says,
 * so then only claim and end of each task are checked. OZ_DEMO_AGENT=PATH takes another agent.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const DEADLINE_MS = 50_000;
const POLL_MS = 100;
const HALF_WAY = "[demo-cancelled] step 10 of 20";
/** For an agent that does not print steps: from claim to cancellation. */
const PATIENCE_MS = 5_000;

interface Task {
  readonly task_id: string;
  readonly title: string;
  readonly state: string;
  readonly message: string | null;
  readonly exit_code: number | null;
}

const PROMISES = [
  { id: "demo-completed", state: "completed", exitCode: null },
  { id: "demo-cancelled", state: "cancelled", exitCode: null },
  { id: "demo-failed", state: "failed", exitCode: 3 },
] as const;
const FINAL_STATES: readonly string[] = ["completed", "cancelled", "failed"];

async function main(): Promise<boolean> {
  const standIn = join(ROOT, "examples/agent.sh");
  const agent = process.env["OZ_DEMO_AGENT"] || Bun.which("oz") || standIn;
  const dir = await mkdtemp(join(tmpdir(), "oz-demo-"));
  try {
    say(`Three tasks, agent ${agent === standIn ? "examples/agent.sh" : agent}`);
    const demo = await Demo.start(dir, agent);
    const tasks = await demo.untilEnded().finally(() => demo.stop());
    say("What they left");
    for (const task of tasks) await showTask(dir, task);
    return judge(tasks, demo.exitCode, agent === standIn);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The executable's `dev` command with its worker, as a child. */
class Demo {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #address = Promise.withResolvers<string>();
  #halfWay = false;

  private constructor(child: Bun.Subprocess<"ignore", "pipe", "inherit">) {
    this.#child = child;
    // Told to whoever waits for it; the demo may have failed before anybody does.
    this.#address.promise.catch(() => undefined);
    void this.#follow();
  }

  static async start(dir: string, agent: string): Promise<Demo> {
    const config = join(dir, "worker.yaml");
    await Bun.write(config, configFor(dir, agent));
    const flags = ["--config-file", config, "--state-dir", join(dir, "state")];
    const files = ["completed", "cancelled", "failed"].map((name) => `examples/tasks/${name}.json`);
    const argv = [
      "dist/oz-agent-worker",
      "dev",
      ...flags,
      ...files.flatMap((file) => ["--assignment", file]),
    ];
    process.stdout.write(`$ ${argv.join(" ")}\n`);
    return new Demo(Bun.spawn(argv, { cwd: ROOT, env: process.env, stdio: ["ignore", "pipe", "inherit"] }));
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Shows what the child prints, and takes from it the address and the moment for the cancellation. */
  async #follow(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      process.stdout.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (address !== undefined) this.#address.resolve(address);
        if (line.includes(HALF_WAY)) this.#halfWay = true;
      }
    }
    this.#address.reject(new Error("The program ended before it named its address"));
  }

  async untilEnded(): Promise<Task[]> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    const address = await withDeadline(this.#address.promise, DEADLINE_MS);
    let claimedMs: number | null = null;
    let cancelled = false;
    for (;;) {
      const tasks = await readTasks(address);
      if (tasks.every(({ state }) => FINAL_STATES.includes(state))) return tasks;
      const long = tasks.find(({ task_id: id }) => id === "demo-cancelled");
      if (long?.state === "claimed") claimedMs ??= performance.now();
      const late = claimedMs !== null && performance.now() - claimedMs > PATIENCE_MS;
      if (!cancelled && claimedMs !== null && (this.#halfWay || late)) {
        cancelled = true;
        say("Half-way: DELETE /tasks/demo-cancelled");
        await fetch(`${address}/tasks/demo-cancelled`, { method: "DELETE" });
      }
      if (performance.now() > deadlineMs) throw new Error("The tasks did not end in time");
      await Bun.sleep(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await this.#child.exited;
    clearTimeout(timer);
  }
}

function configFor(dir: string, agent: string): string {
  const direct = { workspace_root: join(dir, "workspaces"), oz_path: agent };
  // JSON is YAML. The workspaces are kept, to show what is in them.
  return JSON.stringify({ worker_id: "demo", cleanup: false, backend: { direct } }, null, 2);
}

async function readTasks(address: string): Promise<Task[]> {
  const response = await fetch(`${address}/tasks`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const { tasks } = (await response.json()) as { tasks: Task[] };
  return tasks;
}

async function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain`)), ms);
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function showTask(dir: string, task: Task): Promise<void> {
  const code = task.exit_code === null ? "" : `, exit status ${task.exit_code}`;
  process.stdout.write(`${task.task_id} "${task.title}": ${task.state}${code}: ${task.message}\n`);
  const workspace = join(dir, "workspaces", task.task_id);
  const git = Bun.which("git");
  const log =
    git === null
      ? null
      : Bun.spawnSync([git, "-C", workspace, "log", "--oneline", "-3"], { stderr: "ignore" });
  const left = log?.success
    ? log.stdout.toString().trimEnd()
    : (await readdir(workspace).catch(() => [])).join("\n");
  process.stdout.write(`${left.replace(/^/gm, "    ")}\n`);
}

/** Says what was seen beside what was promised. */
function judge(tasks: readonly Task[], exitCode: number | null, standIn: boolean): boolean {
  say("Seen and promised");
  const kept = PROMISES.map(({ id, state, exitCode: code }) => {
    const task = tasks.find(({ task_id }) => task_id === id);
    const ended = FINAL_STATES.includes(task?.state ?? "");
    const kept = standIn ? task?.state === state && (task?.exit_code ?? null) === code : ended;
    const promised = standIn ? `${state}${code === null ? "" : ` with exit status ${code}`}` : "ended";
    process.stdout.write(
      `${kept ? "ok  " : "FAIL"}  ${id}: ${promised}${kept ? "" : `, but ${task?.state}`}\n`,
    );
    return kept;
  });
  const stopped = exitCode === 0;
  process.stdout.write(
    `${stopped ? "ok  " : "FAIL"}  the program stopped when asked, exit status ${exitCode}\n`,
  );
  return stopped && kept.every(Boolean);
}

function say(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}

process.exitCode = await main().then(
  (kept) => (kept ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`demo: ${error.message}\n`);
    return 1;
  },
);
