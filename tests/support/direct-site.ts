/** A control plane, a fake agent and the folders of a host, ready for workers with the Direct backend. */
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { ControlPlane, type ControlPlaneOptions } from "../../src/dev/control-plane.ts";
import type { Frame } from "../../src/dev/frame-log.ts";
import type { DevTask } from "../../src/dev/tasks.ts";
import { assignment } from "./assignments.ts";
import { type AgentRun, FakeAgent } from "./fake-agent.ts";
import { OWN_LOOPBACK } from "./own-loopback.ts";
import { TempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";
import {
  CONNECTED,
  type WorkerOptions as ProcessOptions,
  TEST_API_KEY,
  WorkerProcess,
} from "./worker-process.ts";

export const WORKER_ID = "bar";

export interface SiteWorkerOptions extends Omit<ProcessOptions, "plane" | "config"> {
  /** Keys of the config file beside `worker_id` and `backend`. */
  readonly top?: Readonly<Record<string, unknown>>;
  /** Keys of `backend.direct` beside `workspace_root` and `oz_path`; they win. */
  readonly direct?: Readonly<Record<string, unknown>>;
  /** False: does not wait until it is connected. */
  readonly connected?: boolean;
}

export interface Message {
  readonly type: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export class DirectSite implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly agent: FakeAgent;
  readonly dir: TempDir;
  readonly workspaceRoot: string;
  /** Of all its workers, so that one that is started again finds what the last one left. */
  readonly stateDir: string;

  private constructor(plane: ControlPlane, agent: FakeAgent, dir: TempDir, workspaceRoot: string) {
    this.plane = plane;
    this.agent = agent;
    this.dir = dir;
    this.workspaceRoot = workspaceRoot;
    this.stateDir = dir.join("state");
  }

  static async create(options: Partial<ControlPlaneOptions> = {}): Promise<DirectSite> {
    const dir = await TempDir.create("site");
    const agent = await FakeAgent.create(dir);
    const plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY, ...options });
    return new DirectSite(plane, agent, dir, await dir.mkdir("ws"));
  }

  config(top: SiteWorkerOptions["top"] = {}, direct: SiteWorkerOptions["direct"] = {}): string {
    const backend = { direct: { workspace_root: this.workspaceRoot, oz_path: this.agent.path, ...direct } };
    return JSON.stringify({ worker_id: WORKER_ID, ...top, backend });
  }

  async start({ top, direct, connected = true, ...options }: SiteWorkerOptions = {}): Promise<WorkerProcess> {
    const all = {
      stateDir: this.stateDir,
      ...options,
      plane: this.plane,
      config: this.config(top, direct),
    };
    return await WorkerProcess.startUntil(all, connected ? CONNECTED : []);
  }

  /** Submits tasks whose agents wait to be released, and waits until each agent runs. */
  async hold(count: number, env: Readonly<Record<string, string>> = {}): Promise<AgentRun[]> {
    return this.holdAll(
      Array.from({ length: count }, () => assignment({ env: { AGENT_HOLD: "1", ...env } })),
    );
  }

  async holdAll(tasks: readonly Assignment[]): Promise<AgentRun[]> {
    for (const task of tasks) this.plane.submit(task);
    const runs: AgentRun[] = [];
    for (const { task_id } of tasks) runs.push(await this.agent.waitForStart(task_id));
    return runs;
  }

  async run(task: Assignment): Promise<DevTask> {
    this.plane.submit(task);
    return await this.plane.waitForTask(task.task_id);
  }

  /** What workers said of a task, oldest first, repeated ones included. */
  messages(taskId: string): Message[] {
    return this.plane.frames.filter((frame) => frame.taskId === taskId).map(toMessage);
  }

  terminals(taskId: string): Message[] {
    return this.plane.terminalsOf(taskId).map(toMessage);
  }

  /** Until nothing of these agents runs any more. */
  async gone(...runs: readonly AgentRun[]): Promise<void> {
    const left = () => runs.flatMap((run) => run.alive.map(({ label, pid }) => `${label} ${pid}`));
    await eventually(
      () => left().length === 0,
      () => `these processes to end: ${left().join(", ")}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.plane.stop();
    await this.dir[Symbol.asyncDispose]();
  }
}

function toMessage({ type, data }: Frame): Message {
  return { type, data };
}

export function taskIdOf(run: AgentRun): string {
  return run.argv[run.argv.indexOf("--task-id") + 1] ?? "";
}
