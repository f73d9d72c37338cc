/** What of the worker's parts metrics and health look at; beside worker.ts, which builds the parts. */
import { Heartbeat } from "./async/heartbeat.ts";
import { BUILD } from "./build-info.ts";
import type { Settings } from "./config/settings.ts";
import type { Link } from "./control-plane/link.ts";
import type { Outbox } from "./control-plane/outbox.ts";
import type { HealthSources } from "./health/status.ts";
import type { OpenJournal } from "./journal/open.ts";
import type { Logger } from "./logging/logger.ts";
import type { Secrets } from "./logging/secrets.ts";
import type { Backend } from "./task/backend.ts";
import type { Scheduler } from "./task/scheduler.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import type { WorkerFigures } from "./telemetry/worker-figures.ts";

export interface WatchOptions {
  readonly settings: Settings;
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Secrets;
  readonly log: Logger;
}

export interface WatchedParts {
  readonly backend: Backend;
  readonly scheduler: Scheduler;
  readonly link: Link;
  readonly outbox: Outbox;
  readonly state: OpenJournal;
  readonly telemetry: Telemetry;
}

/** Nothing is loaded and no timer runs unless somebody wants to see. */
export async function openWatch(options: WatchOptions, parts: WatchedParts): Promise<AsyncDisposable> {
  const { settings, environment, secrets, log } = options;
  const { healthAddress: address, telemetry } = settings;
  const isService = "NOTIFY_SOCKET" in environment;
  const watch = new AsyncDisposableStack();
  if (address === null && telemetry.metrics.exporters.length === 0 && !isService) return watch;
  const heartbeat = watch.use(new Heartbeat());
  parts.telemetry.openMetrics(figuresOf(settings, parts, heartbeat));
  const sources = sourcesOf(settings, parts, heartbeat);
  if (address !== null) {
    const { serveHealth } = await import("./health/health-server.ts");
    watch.use(serveHealth({ address, sources, redact: secrets.redact, log }));
  }
  if (isService) {
    const { openServiceNotice } = await import("./health/service-notice.ts");
    watch.use(openServiceNotice({ environment, sources, log }));
  }
  return watch;
}

function figuresOf(settings: Settings, parts: WatchedParts, heartbeat: Heartbeat): WorkerFigures {
  const { backend, scheduler, outbox, state } = parts;
  return {
    version: BUILD.version,
    backend: settings.backend.kind,
    workerId: settings.workerId,
    maxConcurrentTasks: settings.maxConcurrentTasks,
    activeTasks: () => scheduler.activeTasks,
    outboxSize: () => outbox.size,
    oldestUnreportedSeconds: () =>
      outbox.oldestSince === null ? 0 : Math.max(0, Date.now() - outbox.oldestSince) / 1_000,
    journalBytes: () => state.sizeBytes(),
    journalDurable: () => state.journal.durable,
    engineCalls: () => backend.engineCalls?.() ?? null,
    eventLoopDelaySeconds: () => heartbeat.delayMs / 1_000,
  };
}

function sourcesOf(settings: Settings, parts: WatchedParts, heartbeat: Heartbeat): HealthSources {
  const { scheduler, link, outbox, state } = parts;
  return {
    version: BUILD.version,
    workerId: settings.workerId,
    backend: settings.backend.kind,
    maxConcurrentTasks: settings.maxConcurrentTasks,
    eventLoopDelayMs: () => heartbeat.delayMs,
    beatsLateBy: (ms) => heartbeat.beatsLateBy(ms),
    accepting: () => scheduler.admission.ofAssignments,
    link: () => link.status,
    outbox: () => ({ size: outbox.size, oldestSince: outbox.oldestSince }),
    journalDurable: () => state.journal.durable,
    tasks: () => scheduler.tasks(),
  };
}
