/** All that a campaign needs of a host: folders, perhaps a small disk, a control plane, workers, and a record of events. */
import { join } from "node:path";
import { assignment } from "../assignments.ts";
import { TempDir } from "../temp-dir.ts";
import { mountTmpfs, type Tmpfs } from "../tmpfs.ts";
import { Fleet } from "./fleet.ts";
import type { Event, Happening, History, SaidType } from "./history.ts";
import { findLeavings, type Places } from "./leavings.ts";
import { Ledger, variablesOf } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import { RecordingPlane } from "./recording-plane.ts";

const WORKER_ID = "chaos";
const SHARED_FOLDER = "shared";
const DISK_BYTES = 1024 * 1024;

export class ChaosSite implements AsyncDisposable {
  readonly plan: Plan;
  readonly plane: RecordingPlane;
  readonly fleet: Fleet;
  readonly disk: Tmpfs | null;
  /** The next worker that says this is killed; null: none is. */
  killAt: SaidType | null = null;
  readonly #ledger: Ledger;
  readonly #places: Places;
  readonly #events: Event[] = [];
  readonly #held: AsyncDisposableStack;

  private constructor(plan: Plan, held: AsyncDisposableStack, parts: Parts) {
    this.plan = plan;
    this.#held = held;
    this.plane = parts.plane;
    this.disk = parts.disk;
    this.#ledger = parts.ledger;
    this.#places = parts.places;
    parts.plane.listen((happening) => this.note(happening));
    this.fleet = held.use(
      new Fleet({
        note: (happening) => this.note(happening),
        urlFor: (worker) => parts.plane.urlFor(worker),
        config: this.#config(),
        stateDir: parts.stateDir,
        temporary: parts.places.temporary,
        logs: parts.logs,
        flags: ["--health-address", "127.0.0.1:0"],
      }),
    );
  }

  static async open(plan: Plan): Promise<ChaosSite> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await TempDir.create("chaos"));
    const disk = plan.smallDisk ? stack.use(await mountTmpfs(dir, "state", DISK_BYTES)) : null;
    const ledger = await Ledger.create(dir);
    const [workspaces, temporary] = [await dir.mkdir("ws"), await dir.mkdir("tmp")];
    await dir.mkdir(SHARED_FOLDER);
    const places = { dir: dir.path, workspaces, temporary, state: dir.join("state", WORKER_ID) };
    const plane = stack.use(await RecordingPlane.start());
    const [stateDir, logs] = [dir.join("state"), await dir.mkdir("logs")];
    return new ChaosSite(plan, stack.move(), { plane, disk, ledger, places, stateDir, logs });
  }

  note(happening: Happening): void {
    this.#events.push({ ...happening, at: Date.now() });
    if (happening.kind !== "said" || happening.type !== this.killAt) return;
    this.killAt = null;
    this.fleet.kill(happening.worker);
  }

  assignment(task: number, execution: number) {
    const { taskId = "", executions = [] } = this.plan.tasks[task] ?? {};
    const plan = executions[execution];
    if (plan === undefined) throw new Error(`The plan has no execution ${execution} of task ${task}`);
    return assignment({ taskId, executionId: plan.executionId, env: variablesOf(plan) });
  }

  /** Once all workers have exited. */
  async history(): Promise<History> {
    const { tasks, maxConcurrentTasks, hooks, maxTaskMs } = this.plan;
    const left = await findLeavings(this.#places);
    const [ledger, workers] = [this.#ledger.lines(), this.fleet.reports()];
    return { tasks, maxConcurrentTasks, hooks, maxTaskMs, events: this.#events, ledger, workers, left };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #config(): string {
    const { program } = this.#ledger;
    const commands = { setup_command: `'${program}' setup`, teardown_command: `'${program}' teardown` };
    const { maxConcurrentTasks, maxTaskMs, drainMs, shareFolder } = this.plan;
    const { dir, workspaces } = this.#places;
    const hooks = this.plan.hooks ? commands : {};
    const folder = shareFolder ? { target_dir: join(dir, SHARED_FOLDER) } : {};
    return JSON.stringify({
      worker_id: WORKER_ID,
      cancel_grace_period: "500ms",
      shutdown_timeout: "5s",
      max_concurrent_tasks: maxConcurrentTasks,
      ...(maxTaskMs === null ? {} : { max_task_duration: `${maxTaskMs}ms` }),
      drain_timeout: `${drainMs}ms`,
      backend: { direct: { workspace_root: workspaces, oz_path: program, ...hooks, ...folder } },
    });
  }
}

interface Parts {
  readonly plane: RecordingPlane;
  readonly disk: Tmpfs | null;
  readonly ledger: Ledger;
  readonly places: Places;
  readonly stateDir: string;
  readonly logs: string;
}
