/** The composition root: builds the parts, starts them, and stops them in order, each with a budget. */
import { within } from "./async/wait.ts";
import { createBackend } from "./backends/create.ts";
import type { Settings } from "./config/settings.ts";
import { prepareHandshake } from "./control-plane/handshake.ts";
import { Link, type LinkEnd } from "./control-plane/link.ts";
import { Outbox } from "./control-plane/outbox.ts";
import type { Journal } from "./journal/journal.ts";
import { openJournal } from "./journal/open.ts";
import type { Logger } from "./logging/logger.ts";
import type { Backend } from "./task/backend.ts";
import { createIntake } from "./task/intake.ts";
import { prepareTask } from "./task/prepare.ts";
import { Scheduler } from "./task/scheduler.ts";

export interface WorkerOptions {
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string>>;
  /** PEM text of `ca_file`, read and checked; null: none. */
  readonly privateCa: string | null;
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
  readonly log: Logger;
  /** Fires when the daemon is asked to stop. */
  readonly stop: AbortSignal;
}

export type WorkerEnd = "stopped" | "unauthorized";

/** The last part of shutdown_timeout, kept for delivering what the tasks' ends left to say. */
const FLUSH_SHARE = 0.25;
const LONGEST_FLUSH_MS = 5_000;

/** Resolves when the daemon has ended. Throws BackendUnusable before anything was started. */
export async function runWorker(options: WorkerOptions): Promise<WorkerEnd> {
  const { settings, log } = options;
  using state = openJournal(settings.stateDir, settings.workerId, log);
  const { journal } = state;
  await using backend = await createBackend({
    ...options,
    workerEnvironment: options.environment,
    exitsDir: state.exitsDir,
  });
  const outbox = new Outbox((seq) => journal.delivered(seq));
  for (const frame of journal.undelivered()) outbox.add(frame);
  const scheduler = createScheduler(options, backend, journal, outbox);
  const link = createLink(options, scheduler, outbox);
  log.info("worker starting", {
    workerId: settings.workerId,
    backend: backend.kind,
    controlPlane: withoutQuery(settings.webSocketUrl),
    maxConcurrentTasks: settings.maxConcurrentTasks,
    unreported: outbox.size,
  });
  const linkEnded = link.run();
  scheduler.recover(journal.running());
  const end = await Promise.race([linkEnded, whenFired(options.stop)]);
  if (end?.kind === "unauthorized") return refused(options, end.status);
  await shutDown({ options, backend, scheduler, link, linkEnded, outbox });
  return "stopped";
}

function createScheduler(
  { settings, log }: WorkerOptions,
  backend: Backend,
  journal: Journal,
  outbox: Outbox,
): Scheduler {
  return new Scheduler({
    workerId: settings.workerId,
    backend,
    journal,
    log,
    prepare: (assignment) => prepareTask(assignment, settings),
    deliver: (frame) => outbox.add(frame),
    isOnItsWay: (frame) => outbox.holdsUnsent(frame),
    maxConcurrentTasks: settings.maxConcurrentTasks,
    maxTaskDurationMs: settings.maxTaskDurationMs,
  });
}

function createLink(options: WorkerOptions, scheduler: Scheduler, outbox: Outbox): Link {
  const { settings, log, environment, privateCa } = options;
  return new Link({
    outbox,
    log,
    keyLabel: settings.key.label,
    onText: createIntake(scheduler, log),
    socketOptions: () =>
      prepareHandshake({
        webSocketUrl: settings.webSocketUrl,
        workerId: settings.workerId,
        readKey: () => settings.key.read(),
        proxyVariables: environment,
        privateCa,
      }),
  });
}

interface ShutDownParts {
  readonly options: WorkerOptions;
  readonly backend: Backend;
  readonly scheduler: Scheduler;
  readonly link: Link;
  readonly linkEnded: Promise<LinkEnd>;
  readonly outbox: Outbox;
}

async function shutDown({
  options,
  backend,
  scheduler,
  link,
  linkEnded,
  outbox,
}: ShutDownParts): Promise<void> {
  const { log, settings } = options;
  const budgetMs = settings.shutdownTimeoutMs;
  const flushMs = Math.min(budgetMs * FLUSH_SHARE, LONGEST_FLUSH_MS);
  log.info("stopping; a second signal ends the worker at once", { tasks: scheduler.activeTasks });
  scheduler.stopAccepting();
  link.hasten();
  if (!backend.outlivesWorker) {
    const hurry = AbortSignal.timeout(budgetMs - flushMs);
    const stopped = await within(
      scheduler.stopAll(hurry).then(() => true),
      budgetMs,
      false,
    );
    if (!stopped) log.error("tasks could not be stopped in time; the next start takes them over");
  }
  link.finish(AbortSignal.timeout(flushMs));
  await within(linkEnded, flushMs + 1_000, null);
  if (outbox.size > 0)
    log.warn("not all results could be delivered; the next start delivers them", { left: outbox.size });
  else log.info("stopped");
}

function refused({ settings, log }: WorkerOptions, status: number): WorkerEnd {
  log.error("control plane refused the key", {
    status,
    key: settings.key.label,
    hint: "set a valid team API key there and start again",
  });
  return "unauthorized";
}

function whenFired(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
}

/** A query may hold a token. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/, "");
}
