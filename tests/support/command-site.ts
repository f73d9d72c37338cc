/**
 * A control plane and the folders of a host, ready for workers with the Command backend. The engine is
 * shell text of each test, which finds a folder to note things in as $NOTES.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { ControlPlane, type ControlPlaneOptions } from "../../src/dev/control-plane.ts";
import type { DevTask } from "../../src/dev/tasks.ts";
import { type AgentProcess, isAlive } from "./fake-agent.ts";
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

/** Shell text for a dispatch: keeps the payload, whole or not at all. */
export const KEEP_PAYLOAD = 'f=$NOTES/$OZ_RUN_ID; cat >"$f.part" && mv "$f.part" "$f.payload"';
/** Shell text for a cancellation: one line for each. */
export const NOTE_CANCEL = 'echo "$OZ_RUN_ID $OZ_EXECUTION_ID $OZ_WORKER_BACKEND" >>"$NOTES/cancelled"';
/** Shell text that notes itself, a child in its group and one in a session of its own, both long-lived. */
export const LEAVE_CHILDREN =
  '"$NOTES/note" $$ self; sleep 1000 & "$NOTES/note" $! child; setsid "$NOTES/note-self" & until grep -q setsid "$NOTES/processes"; do sleep 0.01; done';

/** `note PID NAME`: pid and start time, which tell the process from a later one of the same pid. */
const NOTE = `#!/bin/sh
read -r stat <"/proc/$1/stat"
started=$(echo "\${stat##*) }" | cut -d' ' -f20)
echo "$2 $1 $started" >>"$NOTES/processes"
`;
const NOTE_SELF = '#!/bin/sh\n"$NOTES/note" $$ setsid\nexec sleep 1000\n';

export interface CommandWorkerOptions extends Omit<ProcessOptions, "plane" | "config"> {
  readonly dispatch: string;
  /** Null: none is configured. NOTE_CANCEL unless told. */
  readonly cancel?: string | null;
  /** Keys of the config file beside `worker_id` and `backend`. */
  readonly top?: Readonly<Record<string, unknown>>;
  /** More keys of `backend.command`; they win. */
  readonly block?: Readonly<Record<string, unknown>>;
  /** The site's unless told. */
  readonly plane?: ControlPlane;
  /** False: does not wait until it is connected. */
  readonly connected?: boolean;
}

export class CommandSite implements AsyncDisposable {
  readonly plane: ControlPlane;
  readonly dir: TempDir;
  readonly notes: string;
  /** Of all its workers, so that one that is started again finds what the last one left. */
  readonly stateDir: string;

  private constructor(plane: ControlPlane, dir: TempDir, notes: string) {
    this.plane = plane;
    this.dir = dir;
    this.notes = notes;
    this.stateDir = dir.join("state");
  }

  static async create(options: Partial<ControlPlaneOptions> = {}): Promise<CommandSite> {
    const dir = await TempDir.create("site");
    const plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY, ...options });
    await dir.write("notes/note", NOTE, 0o755);
    await dir.write("notes/note-self", NOTE_SELF, 0o755);
    return new CommandSite(plane, dir, dir.join("notes"));
  }

  async start(options: CommandWorkerOptions): Promise<WorkerProcess> {
    const { dispatch, cancel = NOTE_CANCEL, top, block, connected = true, ...rest } = options;
    const cancelling = cancel === null ? {} : { cancel_command: cancel };
    const backend = { command: { dispatch_command: dispatch, ...cancelling, ...block } };
    const all = {
      stateDir: this.stateDir,
      plane: this.plane,
      ...rest,
      env: { NOTES: this.notes, ...rest.env },
      config: JSON.stringify({ worker_id: WORKER_ID, ...top, backend }),
    };
    return await WorkerProcess.startUntil(all, connected ? CONNECTED : []);
  }

  /** To its terminal message. */
  async run(task: Assignment): Promise<DevTask> {
    this.plane.submit(task);
    return await this.plane.waitForTask(task.task_id);
  }

  /** Until `worker` has handed it over, of which the control plane hears nothing. */
  async handOver(task: Assignment, worker: WorkerProcess): Promise<void> {
    this.plane.submit(task);
    await worker.waitForLog(new RegExp(`task ended .*${task.task_id}.*handed-off`));
  }

  note(name: string): string {
    const path = `${this.notes}/${name}`;
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Until `text` stands in that note. */
  async waitForNote(name: string, text = "\n"): Promise<string> {
    return await eventually(
      () => (this.note(name).includes(text) ? this.note(name) : null),
      () => `${JSON.stringify(text)} in the note ${name}, which is ${JSON.stringify(this.note(name))}`,
    );
  }

  payload(taskId: string): Record<string, unknown> {
    return JSON.parse(this.note(`${taskId}.payload`));
  }

  /** What LEAVE_CHILDREN has noted. */
  get processes(): readonly AgentProcess[] {
    return this.note("processes")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [label = "", pid, startedAt = ""] = line.split(" ");
        return { label, pid: Number(pid), startedAt };
      });
  }

  get alive(): readonly string[] {
    return this.processes.filter(isAlive).map(({ label }) => label);
  }

  terminals(taskId: string): readonly unknown[] {
    return this.plane.terminalsOf(taskId).map(({ type, data }) => ({ type, data }));
  }

  /** The lines of NOTE_CANCEL. */
  get cancellations(): readonly string[] {
    return this.note("cancelled")
      .split("\n")
      .filter((line) => line !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.processes.filter(isAlive)) killQuietly(process.pid);
    await this.plane.stop();
    await this.dir[Symbol.asyncDispose]();
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}
