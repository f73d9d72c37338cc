/**
 * Shows the main job, and checks what it shows: three tasks of examples/tasks go to a worker; one
 * completes, one is cancelled half-way, one fails with its exit status.
 *
 *   scripts/demo            with the Direct backend
 *   scripts/demo docker     with the Docker backend, on the engine that DOCKER_HOST or the default names
 *
 * With the Direct backend the agent is `oz` when it is on PATH, else examples/agent.sh. A real `oz` does
 * what its server says, so then only claim and end of each task are checked.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BadUsage, readArguments, requireKnown, runScript } from "./command-line.ts";
import { directStage } from "./showcase/direct-stage.ts";
import { dockerStage } from "./showcase/docker-stage.ts";
import type { Stage } from "./showcase/stage.ts";

const USAGE = "scripts/demo [direct|docker]";
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

const STAGES = { direct: (dir: string) => directStage(ROOT, dir), docker: () => dockerStage(ROOT) } as const;

async function main(): Promise<number> {
  const { positionals } = readArguments({ allowPositionals: true }, USAGE);
  requireKnown("demo", positionals, Object.keys(STAGES));
  if (positionals.length > 1) throw new BadUsage(`Only one demo at a time\nusage: ${USAGE}`);
  const kind = positionals[0] === "docker" ? "docker" : "direct";
  const dir = await mkdtemp(join(tmpdir(), "oz-demo-"));
  try {
    await using stage: Stage = await STAGES[kind](dir);
    say(`Three tasks, ${stage.what}`);
    const demo = await Demo.start(dir, stage);
    const tasks = await demo.untilEnded().finally(() => demo.stop());
    say("What they left");
    for (const task of tasks) await showTask(stage, task);
    return judge(tasks, demo.exitCode, stage.ownAgent) ? 0 : 1;
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

  static async start(dir: string, stage: Stage): Promise<Demo> {
    const config = join(dir, "worker.yaml");
    // JSON is YAML. What a task leaves is kept, to show it.
    const settings = { worker_id: "demo", cleanup: false, backend: stage.backend };
    await Bun.write(config, JSON.stringify(settings, null, 2));
    const flags = ["--config-file", config, "--state-dir", join(dir, "state")];
    const files: string[] = [];
    for (const name of ["completed", "cancelled", "failed"]) files.push(await taskFile(dir, name, stage));
    const argv = [
      "dist/oz-agent-worker",
      "dev",
      ...flags,
      ...files.flatMap((file) => ["--assignment", file]),
    ];
    process.stdout.write(`$ ${argv.join(" ")}\n`);
    const env = { ...process.env, ...stage.env };
    return new Demo(Bun.spawn(argv, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] }));
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

/** The example as it is, or a copy with what the stage adds. */
async function taskFile(dir: string, name: string, { assignment }: Stage): Promise<string> {
  const example = `examples/tasks/${name}.json`;
  if (Object.keys(assignment).length === 0) return example;
  const copy = join(dir, `${name}.json`);
  await Bun.write(copy, JSON.stringify({ ...(await Bun.file(join(ROOT, example)).json()), ...assignment }));
  return copy;
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

async function showTask(stage: Stage, task: Task): Promise<void> {
  const code = task.exit_code === null ? "" : `, exit status ${task.exit_code}`;
  process.stdout.write(`${task.task_id} "${task.title}": ${task.state}${code}: ${task.message}\n`);
  const left = await stage.leftBy(task.task_id);
  process.stdout.write(left.map((line) => `    ${line}\n`).join(""));
}

/** Says what was seen beside what was promised. */
function judge(tasks: readonly Task[], exitCode: number | null, ownAgent: boolean): boolean {
  say("Seen and promised");
  const kept = PROMISES.map(({ id, state, exitCode: code }) => {
    const task = tasks.find(({ task_id }) => task_id === id);
    const ended = FINAL_STATES.includes(task?.state ?? "");
    const kept = ownAgent ? task?.state === state && (task?.exit_code ?? null) === code : ended;
    const promised = ownAgent ? `${state}${code === null ? "" : ` with exit status ${code}`}` : "ended";
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

await runScript("demo", main);
