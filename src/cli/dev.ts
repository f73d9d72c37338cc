/**
 * `oz-agent-worker dev`: a local control plane and one worker against it, for trying a configuration
 * without an account.
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { firing, never } from "../async/wait.ts";
import { LONGEST_TIMER_MS } from "../config/duration.ts";
import { type LoadedAssignments, loadAssignments } from "../dev/assignment-files.ts";
import { type Assignment, assignmentOf } from "../dev/assignment-of.ts";
import { ControlPlane } from "../dev/control-plane.ts";
import { LiveTable } from "../dev/live-table.ts";
import { type DevTask, isFinal } from "../dev/tasks.ts";
import { PlainLines, printable, type View } from "../dev/view.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type ForegroundChild, startForegroundChild } from "../runtime/foreground-child.ts";
import type { DevFlags } from "./dev-flags.ts";
import { EXIT } from "./exit-status.ts";

export interface DevOptions extends DevFlags {
  /** The worker's executable and arguments; the address of the control plane is added. */
  readonly workerCommand: readonly string[];
  /** Where the key that worker and control plane share is put; its folder is there, and private. */
  readonly keyFile: string;
  /** The worker's whole environment, but for what points it here. */
  readonly workerEnv: Readonly<Record<string, string | undefined>>;
  /** The worker hands tasks over to an engine, and of those nobody tells this control plane the end. */
  readonly handsOver: boolean;
  /** Fires when dev is asked to stop once more: it leaves, and its worker goes on stopping by itself. */
  readonly haste?: AbortSignal;
  /** What the worker's configuration lets a stop of its tasks take. */
  readonly stopTimeoutMs: number;
  /** Text for standard output as it is, newlines included. */
  readonly write: (text: string) => void;
  /** The same for standard error; `write` unless given. */
  readonly writeError?: (text: string) => void;
  /** True: a live table. */
  readonly isTerminal: boolean;
  readonly terminalSize?: () => { readonly columns: number; readonly rows: number };
}

/** Above what a stop of the tasks may take: the worker must have the time to deliver what came of them. */
const BEYOND_SHUTDOWN_MS = 25_000;
const EXIT_FAILED = 1;

const NO_TASK_YET = `No task was given (--prompt TEXT, or a file with an assignment): --exit-when-done waits for the first one by POST /tasks
`;

type Ending = { readonly kind: "done" | "asked" } | { readonly kind: "worker-left"; readonly status: number };

/**
 * Runs until the tasks have ended (`exitWhenDone`), the worker left, or `signal` aborts. With `handsOver`
 * they are claimed at most: the worker is stopped then, which lets each dispatch come to its end, and what it
 * reports no failure of is the engine's.
 * @returns the exit status: 0; 1 when a task failed, was cancelled or, with `exitWhenDone`, did not
 *   end, or when the control plane or the worker cannot start; 2 for a bad assignment file; 130 in haste;
 *   the worker's own when it left by itself
 */
export async function runDev(options: DevOptions, signal: AbortSignal): Promise<number> {
  const note = (text: string) => (options.writeError ?? options.write)(text);
  // As the errors of all commands begin.
  const fail = (error: string) => note(`oz-agent-worker: ${error}\n`);
  const { assignments, errors } = await assignmentsFrom(options, signal);
  if (errors.length > 0) {
    for (const error of errors) fail(error);
    return EXIT.badUsage;
  }
  const apiKey = `dev-${randomBytes(16).toString("hex")}`;
  writeFileSync(options.keyFile, `${apiKey}\n`, { mode: 0o600 });
  // The view shows the plane's tasks and the plane tells the view of changes: one of them comes first.
  let view: View | null = null;
  let plane: ControlPlane;
  try {
    plane = await ControlPlane.start({ apiKey, port: options.port, onChange: (task) => view?.changed(task) });
  } catch (error) {
    fail(`Cannot listen on 127.0.0.1:${options.port}: ${wordsOf(error)}; choose another port with --port`);
    return EXIT_FAILED;
  }
  await using running = plane;
  misbehave(running, options);
  options.write(`Control plane on ${running.httpUrl}: POST /tasks, GET /tasks, DELETE /tasks/ID\n`);
  view = createView(options, running);
  try {
    for (const leftOut of submitAll(running, assignments)) note(leftOut);
    if (options.exitWhenDone && running.tasks().length === 0) note(NO_TASK_YET);
    const worker = startWorker(options, running);
    const ending = await untilEnd(options, running, worker, signal);
    const end = await stopWorker(worker, options, fail);
    if (end === "to come") return EXIT.interrupted;
    const handedOver = options.handsOver && end === "in order" ? claimedOf(running.tasks()) : [];
    for (const { taskId } of handedOver) {
      options.write(`task ${printable(taskId)} was handed over: what runs it now reports elsewhere\n`);
    }
    return exitStatus(options, running.tasks(), ending, handedOver.length);
  } catch (error) {
    fail(wordsOf(error));
    return EXIT_FAILED;
  } finally {
    view.close();
  }
}

async function assignmentsFrom(options: DevOptions, signal: AbortSignal): Promise<LoadedAssignments> {
  const fromFiles = await loadAssignments(options.assignmentFiles, signal);
  const blank = options.prompts.some((prompt) => prompt.trim() === "");
  return {
    assignments: [...options.prompts.map(assignmentOf), ...fromFiles.assignments],
    errors: [...(blank ? ["--prompt is empty"] : []), ...fromFiles.errors],
  };
}

function misbehave(plane: ControlPlane, options: DevOptions): void {
  if (options.refuseStatus !== null) plane.faults.refuse(options.refuseStatus);
  if (options.dropEveryMs !== null) plane.faults.dropEvery(options.dropEveryMs);
  if (options.freezeMs !== null) plane.faults.freezeEachAfter(options.freezeMs);
}

function createView(options: DevOptions, plane: ControlPlane): View {
  const viewOptions = {
    write: options.write,
    size: options.terminalSize ?? (() => ({ columns: 80, rows: 24 })),
    tasks: () => plane.tasks(),
  };
  return options.isTerminal ? new LiveTable(viewOptions) : new PlainLines(viewOptions);
}

/** A file may hold one task twice, for two workers; here there is one, so the first is run. */
function submitAll(plane: ControlPlane, assignments: readonly Assignment[]): string[] {
  const notes: string[] = [];
  for (const assignment of assignments) {
    if (plane.task(assignment.task_id) === undefined) plane.submit(assignment);
    else notes.push(`Left out: task ${assignment.task_id} is given more than once\n`);
  }
  return notes;
}

function startWorker(options: DevOptions, plane: ControlPlane): ForegroundChild {
  const [executable = ""] = options.workerCommand;
  try {
    return startForegroundChild(
      // A flag, because it wins over the key that the operator's config file names.
      [
        ...[...options.workerCommand, "--api-key-file", options.keyFile],
        ...["--web-socket-url", plane.webSocketUrl, "--stop-at-end-of-input"],
      ],
      workerEnvironment(options.workerEnv),
      "held open",
    );
  } catch (error) {
    throw new Error(`Cannot start the worker ${executable}: ${wordsOf(error)}`, { cause: error });
  }
}

/** No proxy between the two, and not the operator's real key, of which the worker has no need. */
function workerEnvironment(base: DevOptions["workerEnv"]): Record<string, string> {
  // Nobody looks at the metrics of a trial, unless the operator says so.
  const env: Record<string, string> = { OTEL_METRICS_EXPORTER: "none" };
  for (const [name, value] of Object.entries(base)) {
    if (value !== undefined && !name.startsWith("WARP_API_KEY")) env[name] = value;
  }
  const noProxy = [base["NO_PROXY"], base["no_proxy"], "127.0.0.1", "localhost"].filter(Boolean).join(",");
  return { ...env, NO_PROXY: noProxy, no_proxy: noProxy };
}

async function untilEnd(
  options: DevOptions,
  plane: ControlPlane,
  worker: ForegroundChild,
  signal: AbortSignal,
): Promise<Ending> {
  const over = new AbortController();
  const endings: Promise<Ending>[] = [
    worker.exited.then((status) => ({ kind: "worker-left", status })),
    new Promise((resolve) => {
      if (signal.aborted) resolve({ kind: "asked" });
      signal.addEventListener("abort", () => resolve({ kind: "asked" }), { signal: over.signal });
    }),
  ];
  if (options.exitWhenDone) {
    const wait = { timeoutMs: Number.POSITIVE_INFINITY, signal: over.signal };
    const done = options.handsOver ? plane.waitForAllClaims(wait) : plane.waitForAllTasks(wait);
    endings.push(done.then(() => ({ kind: "done" })));
  }
  try {
    return await Promise.race(endings);
  } finally {
    over.abort();
  }
}

/** "in order": with 0, so it had the time to tell all that it knew. "to come": nobody waits for it any more. */
async function stopWorker(
  worker: ForegroundChild,
  { stopTimeoutMs, haste = never() }: DevOptions,
  fail: (error: string) => void,
): Promise<"in order" | "otherwise" | "to come"> {
  worker.kill("SIGTERM");
  const patienceMs = Math.min(stopTimeoutMs + BEYOND_SHUTDOWN_MS, LONGEST_TIMER_MS);
  const timer = setTimeout(() => {
    fail(`The worker did not stop within ${patienceMs / 1000} s and is killed`);
    worker.kill("SIGKILL");
  }, patienceMs);
  using inHaste = firing(haste);
  const status = await Promise.race([worker.exited, inHaste.fired.then(() => null)]);
  clearTimeout(timer);
  if (status === null) return "to come";
  return status === 0 ? "in order" : "otherwise";
}

function claimedOf(tasks: readonly DevTask[]): readonly DevTask[] {
  return tasks.filter(({ state }) => state === "claimed");
}

function exitStatus(
  options: DevOptions,
  tasks: readonly DevTask[],
  ending: Ending,
  handedOver: number,
): number {
  if (ending.kind === "worker-left" && ending.status !== 0) return ending.status;
  const ended = tasks.filter((task) => isFinal(task.state));
  if (options.exitWhenDone && ended.length + handedOver < tasks.length) return EXIT_FAILED;
  if (ending.kind === "asked" && !options.exitWhenDone) return 0;
  return ended.every((task) => task.state === "completed") ? 0 : EXIT_FAILED;
}
