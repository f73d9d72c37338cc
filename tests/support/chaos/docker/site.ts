/** All that a campaign needs of a host: an engine of its own, folders, a control plane, workers, and a record of events. */
import type { EngineName } from "../../../../scripts/services/docker-service.ts";
import type { Assignment } from "../../../../src/dev/assignment-of.ts";
import { assignment } from "../../assignments.ts";
import { TempDir } from "../../temp-dir.ts";
import { Fleet } from "../fleet.ts";
import type { Event, Happening, SaidType, WorkerNumber } from "../history.ts";
import { RecordingPlane } from "../recording-plane.ts";
import { Bystander } from "./bystander.ts";
import type { DockerHistory } from "./history.ts";
import { type DockerPlaces, findLeavings, waitUntilCleared } from "./leavings.ts";
import { DockerLedger, variablesOf } from "./ledger.ts";
import type { AgentPlan, DockerPlan, Moment } from "./plan.ts";
import { TroubledEngine } from "./troubled-engine.ts";

export interface EngineChoice {
  readonly flavour: EngineName;
  /** HOST:PORT of the registry with the test images. */
  readonly registry: string;
}

const WORKER_ID = "chaos";
/** What no fault of a campaign is an excuse for. */
const COMPLAINTS = /unexpected error|journal damaged|uncaught|panic|segmentation|it may be reported twice/i;

export class DockerChaosSite implements AsyncDisposable {
  readonly plan: DockerPlan;
  readonly plane: RecordingPlane;
  readonly fleet: Fleet;
  readonly engine: TroubledEngine;
  readonly bystander: Bystander;
  killAt: SaidType | null = null;
  /** Told of each moment of a task. */
  onMoment: (taskId: string, moment: Moment) => void = () => {};
  readonly #holders = new Map<string, WorkerNumber>();
  readonly #parts: Parts;
  readonly #events: Event[];
  readonly #held: AsyncDisposableStack;
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(plan: DockerPlan, held: AsyncDisposableStack, parts: Parts) {
    this.plan = plan;
    this.#held = held;
    this.#parts = parts;
    this.#events = parts.events;
    this.engine = parts.engine;
    this.plane = parts.plane;
    const note = (happening: Happening) => this.note(happening);
    const { engine } = parts.engine;
    parts.plane.listen(note);
    const { flavour } = parts;
    this.bystander = new Bystander({ socket: engine.socket, folder: engine.folder.path, flavour, note });
    const { stateDir, temporary, logs } = parts;
    this.fleet = held.use(
      new Fleet({
        ...{ note, config: this.#config(), stateDir, temporary, logs, complaints: COMPLAINTS },
        urlFor: (worker) => parts.plane.urlFor(worker),
        flags: ["--health-address", "127.0.0.1:0"],
        env: { DOCKER_HOST: engine.host },
      }),
    );
    held.use(
      parts.ledger.follow(({ taskId, what }) => {
        if (what === "start" || what === "term" || what === "end") this.onMoment(taskId, what);
      }),
    );
  }

  static async open(plan: DockerPlan, { flavour, registry }: EngineChoice): Promise<DockerChaosSite> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await TempDir.create("docker-chaos"));
    const events: Event[] = [];
    const record = (happening: Happening) => void events.push({ ...happening, at: Date.now() });
    const engine = stack.use(await TroubledEngine.start({ flavour, liveRestore: plan.liveRestore }, record));
    const plane = stack.use(await RecordingPlane.start());
    const ledger = new DockerLedger(await dir.mkdir("control"));
    const [temporary, logs, stateDir] = [await dir.mkdir("tmp"), await dir.mkdir("logs"), dir.join("state")];
    const folders = { dir: dir.path, temporary, logs, stateDir };
    return new DockerChaosSite(plan, stack.move(), {
      ...{ ...folders, engine, plane, ledger, flavour, registry, events },
    });
  }

  note(happening: Happening): void {
    this.#events.push({ ...happening, at: Date.now() });
    if (happening.kind === "assigned" && !this.#holders.has(happening.taskId))
      this.#holders.set(happening.taskId, happening.worker);
    if (happening.kind !== "said") return;
    if (happening.type !== "task_rejected") this.#holders.set(happening.taskId, happening.worker);
    if (happening.type === "task_claimed") this.onMoment(happening.taskId, "claimed");
    if (happening.type !== this.killAt) return;
    this.killAt = null;
    this.fleet.kill(happening.worker);
  }

  /** Goes on while other things happen. What is refused, or asked of an engine that is away, is none of the campaign's. */
  background(work: Promise<unknown>): void {
    const settled = work.catch(() => {}).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  /** Until all that goes on in the background is done, and the engine is as it was. */
  async heal(): Promise<void> {
    this.onMoment = () => {};
    // Calls to an engine that is paused end when it goes on; and some of what goes on may take it away again.
    do {
      await this.engine.heal();
      await Promise.all(this.#pending);
    } while (this.#pending.size > 0);
    await this.engine.heal();
    await this.bystander.unpauseAll();
  }

  get flavour(): EngineName {
    return this.#parts.flavour;
  }

  /** The worker that spoke last of it, or else was given it. */
  holderOf(task: number): WorkerNumber | undefined {
    return this.#holders.get(this.plan.tasks[task]?.taskId ?? "");
  }

  assignment(task: number, _execution: number): Assignment {
    const plan = this.plan.tasks[task];
    if (plan === undefined) throw new Error(`The plan has no task ${task}`);
    const [agent] = plan.executions;
    return assignment({
      taskId: plan.taskId,
      executionId: agent.executionId,
      env: variablesOf(agent),
      more: {
        docker_image: this.image(agent.volume ? "test/with-volume:1" : "test/task:1"),
        sidecar_image: this.image("test/agent:1"),
        additional_sidecars: this.#sidecars(agent),
        ...(agent.outOfMemory ? { instance_shape: { memory_gb: 0.02 } } : {}),
      },
    });
  }

  image(name: string): string {
    return `${this.#parts.registry}/${name}`;
  }

  /** Once all workers have exited. */
  async history(): Promise<DockerHistory> {
    const { ledger } = this.#parts;
    const left = await findLeavings(this.#places());
    const { tasks, maxConcurrentTasks } = this.plan;
    const isPodman = this.flavour === "podman";
    const liveRestore = this.plan.liveRestore || isPodman;
    const [events, workers] = [this.#events, this.fleet.reports()];
    return {
      tasks,
      maxConcurrentTasks,
      liveRestore,
      isPodman,
      events,
      ledger: ledger.lines(),
      workers,
      left,
    };
  }

  /** Or not, which its history tells. */
  async cleared(): Promise<void> {
    await waitUntilCleared(this.#places());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #places(): DockerPlaces {
    const { dir, temporary, stateDir, ledger } = this.#parts;
    const state = `${stateDir}/${WORKER_ID}`;
    return { api: this.bystander.api, control: ledger.folder, dir, temporary, state };
  }

  #sidecars({ writable, shared }: AgentPlan) {
    const own = { image: this.image("test/writable:1"), mount_path: "/own", read_write: true };
    const more = { image: this.image("test/scratch:1"), mount_path: "/more", read_write: false };
    return [...(writable ? [own] : []), ...(shared ? [more] : [])];
  }

  #config(): string {
    const { graceMs, drainMs, maxConcurrentTasks, pull } = this.plan;
    return JSON.stringify({
      worker_id: WORKER_ID,
      cancel_grace_period: `${graceMs}ms`,
      shutdown_timeout: "6s",
      drain_timeout: `${drainMs}ms`,
      max_concurrent_tasks: maxConcurrentTasks,
      log_level: "debug",
      backend: {
        docker: { volumes: [`${this.#parts.ledger.folder}:/control`], image_pull_policy: pull },
      },
    });
  }
}

interface Parts {
  readonly engine: TroubledEngine;
  readonly plane: RecordingPlane;
  readonly ledger: DockerLedger;
  readonly flavour: EngineName;
  readonly registry: string;
  readonly events: Event[];
  readonly dir: string;
  readonly temporary: string;
  readonly logs: string;
  readonly stateDir: string;
}
