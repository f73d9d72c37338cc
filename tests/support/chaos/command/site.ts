/** All that a campaign needs of a host: folders, perhaps a small disk, an engine, a control plane, workers, and a record of events. */
import type { Assignment } from "../../../../src/dev/assignment-of.ts";
import { assignment } from "../../assignments.ts";
import { TempDir } from "../../temp-dir.ts";
import { mountTmpfs, type Tmpfs } from "../../tmpfs.ts";
import { Fleet } from "../fleet.ts";
import type { Event, Happening, SaidType } from "../history.ts";
import { findLeavings, type Places } from "../leavings.ts";
import type { HostSite } from "../perform.ts";
import { RecordingPlane } from "../recording-plane.ts";
import { ChaosEngine } from "./engine.ts";
import { type CommandHistory, SECRET_WORD } from "./history.ts";
import { type CommandPlan, DISPATCH_TIMEOUT_MS } from "./plan.ts";

const WORKER_ID = "chaos";
const DISK_BYTES = 1024 * 1024;
/** More than a pipe holds. */
const LARGE_CHARACTERS = 400_000;

export class CommandChaosSite implements HostSite, AsyncDisposable {
  readonly plan: CommandPlan;
  readonly plane: RecordingPlane;
  readonly fleet: Fleet;
  readonly disk: Tmpfs | null;
  killAt: SaidType | null = null;
  readonly #engine: ChaosEngine;
  readonly #places: Places;
  readonly #events: Event[] = [];
  readonly #held: AsyncDisposableStack;

  private constructor(plan: CommandPlan, held: AsyncDisposableStack, parts: Parts) {
    this.plan = plan;
    this.#held = held;
    this.plane = parts.plane;
    this.disk = parts.disk;
    this.#engine = parts.engine;
    this.#places = parts.places;
    const note = (happening: Happening) => this.note(happening);
    parts.plane.listen(note);
    this.fleet = held.use(
      new Fleet({
        note,
        urlFor: (worker) => parts.plane.urlFor(worker),
        config: this.#config(),
        stateDir: parts.stateDir,
        temporary: parts.places.temporary,
        logs: parts.logs,
        flags: ["--health-address", "127.0.0.1:0", ...(plan.logsAll ? ["--log-level", "debug"] : [])],
      }),
    );
  }

  static async open(plan: CommandPlan): Promise<CommandChaosSite> {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await TempDir.create("command-chaos"));
    const disk = plan.smallDisk ? stack.use(await mountTmpfs(dir, "state", DISK_BYTES)) : null;
    const engine = await ChaosEngine.create(dir, plan.tasks);
    const temporary = await dir.mkdir("tmp");
    // No workspaces: nothing is to be in a folder that is not there.
    const places = {
      dir: dir.path,
      workspaces: dir.join("none"),
      temporary,
      state: dir.join("state", WORKER_ID),
    };
    const plane = stack.use(await RecordingPlane.start());
    const [stateDir, logs] = [dir.join("state"), await dir.mkdir("logs")];
    return new CommandChaosSite(plan, stack.move(), { plane, disk, engine, places, stateDir, logs });
  }

  note(happening: Happening): void {
    this.#events.push({ ...happening, at: Date.now() });
    if (happening.kind !== "said" || happening.type !== this.killAt) return;
    this.killAt = null;
    this.fleet.kill(happening.worker);
  }

  assignment(task: number, execution: number): Assignment {
    const { taskId = "", executions = [] } = this.plan.tasks[task] ?? {};
    const plan = executions[execution];
    if (plan === undefined) throw new Error(`The plan has no execution ${execution} of task ${task}`);
    return assignment({
      taskId,
      executionId: plan.executionId,
      prompt: `${SECRET_WORD}-of-the-prompt-of-${taskId}`,
      env: this.#env(task, execution),
    });
  }

  /** Once all workers have exited. */
  async history(): Promise<CommandHistory> {
    const { tasks, maxConcurrentTasks, maxTaskMs } = this.plan;
    const left = await findLeavings(this.#places);
    const logs = this.fleet.logs().split("\n");
    return {
      ...{ tasks, maxConcurrentTasks, maxTaskMs, events: this.#events, left },
      ledger: this.#engine.lines(),
      wrongPayloads: this.#engine.wrongPayloads((task, execution) => ({ env: this.#env(task, execution) })),
      workers: this.fleet.reports(),
      leaks: logs.filter((line) => line.includes(SECRET_WORD)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #env(task: number, execution: number): Record<string, string> {
    const isLarge = this.plan.tasks[task]?.executions[execution]?.isLarge === true;
    return {
      SECRET: `${SECRET_WORD}-of-${task}-${execution}`,
      ...(isLarge ? { LARGE: "b".repeat(LARGE_CHARACTERS) } : {}),
    };
  }

  #config(): string {
    const { maxConcurrentTasks, maxTaskMs, drainMs, shutdownMs } = this.plan;
    const { program } = this.#engine;
    return JSON.stringify({
      worker_id: WORKER_ID,
      cancel_grace_period: "300ms",
      shutdown_timeout: `${shutdownMs}ms`,
      max_concurrent_tasks: maxConcurrentTasks,
      ...(maxTaskMs === null ? {} : { max_task_duration: `${maxTaskMs}ms` }),
      drain_timeout: `${drainMs}ms`,
      backend: {
        command: {
          dispatch_command: `${program} dispatch`,
          cancel_command: `${program} cancel`,
          dispatch_timeout: `${DISPATCH_TIMEOUT_MS}ms`,
        },
      },
    });
  }
}

interface Parts {
  readonly plane: RecordingPlane;
  readonly disk: Tmpfs | null;
  readonly engine: ChaosEngine;
  readonly places: Places;
  readonly stateDir: string;
  readonly logs: string;
}
