/** A control plane and a host for workers with the Docker backend, on an engine that others use too. */
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import type { DevTask } from "../../src/dev/tasks.ts";
import { assignment } from "./assignments.ts";
import { type ContainerEntry, DockerApi, type InspectedContainer } from "./live-docker-api.ts";
import type { LiveEngine } from "./live-services.ts";
import { TempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";
import {
  CONNECTED,
  type WorkerOptions as ProcessOptions,
  TEST_API_KEY,
  WorkerProcess,
} from "./worker-process.ts";

export interface DockerWorkerOptions extends Omit<ProcessOptions, "plane" | "config"> {
  /** Keys of the config file beside `worker_id` and `backend`. */
  readonly top?: Readonly<Record<string, unknown>>;
  /** Keys of `backend.docker`. */
  readonly docker?: Readonly<Record<string, unknown>>;
  /** False: does not wait until it is connected. */
  readonly connected?: boolean;
}

export interface DockerTask {
  /** What its agent does. */
  readonly sh?: string;
  /** Below the registry; `test/task:1` unless told. */
  readonly image?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More fields of the assignment, wire names; they win. */
  readonly more?: Readonly<Record<string, unknown>>;
}

export class DockerSite implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly api: DockerApi;
  readonly dir: TempDir;
  readonly stateDir: string;
  readonly workerId: string;
  readonly registry: string;
  /** Of the host, mounted at /control in every task. */
  readonly control: string;

  private constructor(plane: ControlPlane, api: DockerApi, dir: TempDir, registry: string, control: string) {
    this.plane = plane;
    this.api = api;
    this.dir = dir;
    this.registry = registry;
    this.control = control;
    this.stateDir = dir.join("state");
    // The engine is shared with other tests: what belongs to this one is known by the worker's id.
    this.workerId = `live-${crypto.randomUUID().slice(0, 8)}`;
  }

  static async create({ socket, registry }: Pick<LiveEngine, "socket" | "registry">): Promise<DockerSite> {
    const dir = await TempDir.create("docker");
    const plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    return new DockerSite(plane, new DockerApi(socket), dir, registry, await dir.mkdir("control"));
  }

  config(top: DockerWorkerOptions["top"] = {}, docker: DockerWorkerOptions["docker"] = {}): string {
    const backend = { docker: { volumes: [`${this.control}:/control`], ...docker } };
    return JSON.stringify({ worker_id: this.workerId, ...top, backend });
  }

  async start({
    top,
    docker,
    connected = true,
    ...options
  }: DockerWorkerOptions = {}): Promise<WorkerProcess> {
    const all = {
      stateDir: this.stateDir,
      ...options,
      env: { DOCKER_HOST: `unix://${this.api.socket}`, ...options.env },
      plane: this.plane,
      config: this.config(top, docker),
    };
    return await WorkerProcess.startUntil(all, connected ? CONNECTED : []);
  }

  image(name: string): string {
    return `${this.registry}/${name}`;
  }

  task({ sh, image = "test/task:1", env, more }: DockerTask = {}): Assignment {
    return assignment({
      env: { ...(sh === undefined ? {} : { AGENT_SH: sh }), ...env },
      more: { docker_image: this.image(image), sidecar_image: this.image("test/agent:1"), ...more },
    });
  }

  async run(task: DockerTask): Promise<DevTask> {
    const { taskId } = this.plane.submit(this.task(task));
    return await this.plane.waitForTask(taskId, [], { timeoutMs: 55_000 });
  }

  /** Submits tasks whose agents wait for `release`, and waits until each agent runs. */
  async hold(count: number, sh = "", task: DockerTask = {}): Promise<string[]> {
    // The first process of a container has no default for a signal.
    const wait = "until [ -e /control/$TASK_ID.go ]; do sleep 0.05; done";
    const gated = `trap 'exit 143' TERM; touch /control/$TASK_ID.up; ${wait}; ${sh}`;
    const held = Array.from({ length: count }, () => this.task({ ...task, sh: gated }));
    for (const each of held) this.plane.submit(each);
    for (const { task_id } of held) {
      await this.signOf(`${task_id}.up`);
      // An agent may be faster than the engine, which has to know as well before a test takes either away.
      await eventually(async () => (await this.containerOf(task_id)).State.Running, "the engine to know");
    }
    return held.map(({ task_id }) => task_id);
  }

  async release(...taskIds: readonly string[]): Promise<void> {
    for (const taskId of taskIds) await Bun.write(`${this.control}/${taskId}.go`, "");
  }

  /** The text of a file that an agent writes to /control, once it is there. */
  async signOf(name: string): Promise<string> {
    const file = Bun.file(`${this.control}/${name}`);
    const options = { timeoutMs: 40_000 };
    await eventually(
      () => file.exists(),
      () => `${name} from an agent (${this.#states()})`,
      options,
    );
    return await file.text();
  }

  /** Of this worker id, running or not, whatever they are for. */
  containers(): Promise<readonly ContainerEntry[]> {
    return this.api.containers(`oz-worker-id=${this.workerId}`);
  }

  async containerOf(taskId: string): Promise<InspectedContainer> {
    const found = await this.api.containers(`oz-task-id=${taskId}`);
    const [only, ...more] = found.filter(({ Names }) => Names[0]?.startsWith("/oz-worker-"));
    if (only === undefined || more.length > 0)
      throw new Error(`Task ${taskId} has ${found.length} containers`);
    return await this.api.inspect(only.Id);
  }

  /** Until no container of this worker id is left, and says which ones are if they stay. */
  async cleared(): Promise<void> {
    let left: readonly ContainerEntry[] = [];
    const look = async () => {
      left = await this.containers();
      return left.length === 0;
    };
    await eventually(look, () => `these containers to go: ${JSON.stringify(left)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { Id } of await this.containers()) await this.api.remove(Id);
    await this.plane.stop();
    await this.dir[Symbol.asyncDispose]();
  }

  #states(): string {
    return this.plane
      .tasks()
      .map(({ taskId, state, message }) => `${taskId} ${state} ${message ?? ""}`)
      .join("; ");
  }
}
