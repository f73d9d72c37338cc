/** The composition root: builds the parts, starts them, and stops them in order, each with a budget. */
import type { StopRequest } from "./async/stop-request.ts";
import { firing, turns, within } from "./async/wait.ts";
import { prepareBackend } from "./backends/create.ts";
import { BUILD } from "./build-info.ts";
import { once } from "./config/once.ts";
import type { Settings } from "./config/settings.ts";
import { KEY_REFUSED, KEY_REFUSED_HINT, prepareHandshake } from "./control-plane/handshake.ts";
import { Inbox } from "./control-plane/inbox.ts";
import { Link, type LinkEnd } from "./control-plane/link.ts";
import { Outbox } from "./control-plane/outbox.ts";
import type { OpenJournal } from "./journal/open.ts";
import type { Logger } from "./logging/logger.ts";
import { secondsOf } from "./logging/seconds-of.ts";
import type { Secrets } from "./logging/secrets.ts";
import type { Backend } from "./task/backend.ts";
import { Retirement } from "./task/retirement.ts";
import type { Scheduler } from "./task/scheduler.ts";
import { UnprovenEnds } from "./task/unproven-ends.ts";
import { Telemetry } from "./telemetry/telemetry.ts";

export interface WorkerOptions {
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string>>;
  /** PEM text of `ca_file`, read and checked; null: none. */
  readonly privateCa: string | null;
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
  readonly log: Logger;
  /** The same that the log keeps to itself. */
  readonly secrets: Secrets;
  readonly stop: StopRequest;
}

/** After so many turns of the event loop the socket is there and the request to upgrade it is written. */
const TURNS_TO_HANDSHAKE = 3;

export type WorkerEnd = "stopped" | "unauthorized";

/** After shutdown_timeout, tasks that are being killed may take this long to be gone. */
const KILL_MS = 2_000;
/** For delivering what the tasks' ends left to say. */
const FLUSH_MS = 5_000;

/** Resolves when the daemon has ended. Throws BackendUnusable before anything was started. */
export async function runWorker(options: WorkerOptions): Promise<WorkerEnd> {
  const { settings, log } = options;
  // Asked for when the handshake is on its way, but by a backend that marks what it makes.
  const instanceId = once(() => crypto.randomUUID());
  let opened: OpenJournal | null = null;
  // First, so that it goes last and tells of the others' end too.
  await using telemetry = createTelemetry(options, instanceId);
  // Closed after the backend, which learns of ends as long as it is there: a Job may end on the way out.
  using closedLate = new DisposableStack();
  const openBackend = await prepareBackend({
    ...options,
    stop: options.stop.signal,
    workerEnvironment: options.environment,
    get instanceId() {
      return instanceId();
    },
    folders: () => opened?.folders ?? null,
    // One without a folder is in memory for good.
    isJournalKept: () => opened === null || opened.folders === null || opened.journal.durable,
  });
  // By the time that an end is proven the backend is open.
  const unprovenEnds: UnprovenEnds = new UnprovenEnds((ref) => backend.letGo?.(ref));
  using retirement = new Retirement(settings, log);
  const outbox = new Outbox((seq) => {
    opened?.journal.delivered(seq);
    unprovenEnds.provenUpTo(seq);
    telemetry.delivered(seq);
    retirement.owesLess();
  });
  const inbox = new Inbox();
  const link = createLink(options, inbox, outbox, telemetry);
  // The handshake is on its way while the rest is loaded and the journal is opened.
  const linkEnded = link.run();
  await turns(TURNS_TO_HANDSHAKE);
  await using backend = await openBackend();
  const { openJournal, openTasks } = await import("./worker-tasks.ts");
  const state = closedLate.use(
    openJournal(settings.stateDir, settings.workerId, log, backend.rememberHandedOffMs),
  );
  opened = state;
  const parts = { backend, link, inbox, outbox, unprovenEnds, retirement, telemetry, state };
  await using tasks = await openTasks(options, parts);
  using asked = firing(options.stop.signal);
  const end = await Promise.race([linkEnded, asked.fired.then(() => null), retirement.reached]);
  if (end?.kind === "unauthorized") return refused(options, end.status);
  await shutDown({ options, backend, scheduler: tasks.scheduler, link, linkEnded, outbox });
  return "stopped";
}

function createTelemetry({ settings, secrets, log }: WorkerOptions, instanceId: () => string): Telemetry {
  return new Telemetry({
    settings: settings.telemetry,
    version: BUILD.version,
    workerId: settings.workerId,
    backend: settings.backend.kind,
    get instanceId() {
      return instanceId();
    },
    redact: secrets.redact,
    log,
  });
}

function createLink(options: WorkerOptions, inbox: Inbox, outbox: Outbox, telemetry: Telemetry): Link {
  const { settings, log, secrets, environment, privateCa } = options;
  return new Link({
    outbox,
    log,
    keyLabel: settings.key.label,
    observer: telemetry.link,
    onText: (text) => inbox.take(text),
    socketOptions: () =>
      prepareHandshake({
        webSocketUrl: settings.webSocketUrl,
        workerId: settings.workerId,
        userAgent: `oz-agent-worker/${BUILD.version}`,
        readKey: async () => {
          const key = await settings.key.read();
          // A file may hold another one by now.
          secrets.rememberKey(key);
          return key;
        },
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
  scheduler.admission.close();
  link.hasten();
  if (!backend.outlivesWorker) await letTasksEnd(options, scheduler);
  const budgetMs = settings.shutdownTimeoutMs;
  const words = options.stop.signal.aborted ? "stopping; another signal ends the worker at once" : "stopping";
  log.info(words, { tasks: scheduler.activeTasks });
  if (!backend.outlivesWorker) {
    await within(scheduler.stopAll(AbortSignal.timeout(budgetMs)), budgetMs + KILL_MS, null);
  }
  link.finish(AbortSignal.timeout(FLUSH_MS));
  await within(linkEnded, FLUSH_MS + 1_000, null);
  const left = { undelivered: outbox.size, tasks: backend.outlivesWorker ? 0 : scheduler.activeTasks };
  if (left.undelivered + left.tasks === 0) log.info("stopped");
  else log.warn("stopped with work left; the next start takes it up", left);
}

/** By themselves, however long they take when that was asked for, and as long as `drain_timeout` allows. */
async function letTasksEnd({ settings, log, stop }: WorkerOptions, scheduler: Scheduler): Promise<void> {
  const { drainTimeoutMs } = settings;
  if (stop.isUnhurried && scheduler.activeTasks > 0) {
    log.info("taking no more tasks, and waiting for those that run; SIGTERM stops the worker", {
      tasks: scheduler.activeTasks,
    });
    await stop.unhurriedly((asked) => scheduler.whenIdle(asked));
  }
  const tasks = scheduler.activeTasks;
  if (drainTimeoutMs === 0 || tasks === 0 || stop.isUrgent) return;
  const fields = { tasks, seconds: secondsOf(drainTimeoutMs) };
  log.info("taking no more tasks, and waiting for those that run; another signal stops them", fields);
  await stop.patiently(drainTimeoutMs, (enough) => scheduler.whenIdle(enough));
}

function refused({ settings, log }: WorkerOptions, status: number): WorkerEnd {
  log.error(KEY_REFUSED, {
    status,
    key: settings.key.label,
    hint: KEY_REFUSED_HINT,
  });
  return "unauthorized";
}
