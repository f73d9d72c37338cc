/** What the worker tells of itself when it is asked. No secret is in it, nor what a task is about. */
import type { Handle } from "../journal/execution.ts";
import { secondsOf } from "../logging/seconds-of.ts";

export interface HealthSources {
  readonly version: string;
  readonly workerId: string;
  readonly backend: string;
  readonly maxConcurrentTasks: number;
  /** The worst of the last minute. */
  eventLoopDelayMs(): number;
  /** How often in that minute it was at least so late. */
  beatsLateBy(ms: number): number;
  /** False: it stops, or has not begun. */
  accepting(): boolean;
  link(): LinkView;
  outbox(): { readonly size: number; readonly oldestSince: number | null };
  journalDurable(): boolean;
  tasks(): readonly TaskView[];
}

export interface LinkView {
  readonly state: string;
  /** In ms since 1970. */
  readonly since: number;
  /** Null: there is a connection. */
  readonly downSince: number | null;
  readonly lastPongAt: number | null;
  readonly reconnects: number;
}

export interface TaskView {
  readonly taskId: string;
  readonly executionId: string;
  readonly phase: string;
  readonly ageSeconds: number;
  readonly handle: Handle | null;
}

/** Later than that, whoever waits for an answer has given up. */
const STUCK_AFTER_MS = 30_000;
/**
 * Something blocks the loop again and again. Once is a process that was frozen (SIGSTOP, a paused container or host),
 * and goes on: probes that were told for a minute that it is stuck had it killed, with its tasks.
 */
const STUCK_BEATS = 2;

/** The process and its loops turn. A lost connection is not what a restart would mend. */
export function isAlive(sources: HealthSources): boolean {
  return sources.beatsLateBy(STUCK_AFTER_MS) < STUCK_BEATS && sources.link().state !== "closed";
}

/** Null: connected and taking tasks; else what stands in the way. A worker at its limit is ready. */
export function whyNotReady(sources: HealthSources): string | null {
  const { state } = sources.link();
  if (!sources.accepting()) return "the worker is starting or stopping";
  return state === "connected" ? null : `the link to the control plane is ${state}`;
}

export function statusOf(sources: HealthSources, startedAt: number, now = Date.now()) {
  const { size, oldestSince } = sources.outbox();
  const link = sources.link();
  return {
    version: sources.version,
    workerId: sources.workerId,
    backend: sources.backend,
    pid: process.pid,
    uptimeSeconds: seconds(now - startedAt),
    alive: isAlive(sources),
    ready: whyNotReady(sources) === null,
    accepting: sources.accepting(),
    eventLoopDelaySeconds: Math.round(sources.eventLoopDelayMs()) / 1_000,
    residentMemoryBytes: process.memoryUsage.rss(),
    link: {
      state: link.state,
      since: new Date(link.since).toISOString(),
      lastPong: link.lastPongAt === null ? null : new Date(link.lastPongAt).toISOString(),
      reconnects: link.reconnects,
    },
    outbox: {
      messages: size,
      oldestAgeSeconds: oldestSince === null ? 0 : seconds(now - oldestSince),
    },
    journal: { durable: sources.journalDurable() },
    maxConcurrentTasks: sources.maxConcurrentTasks,
    tasks: sources.tasks(),
  };
}

function seconds(ms: number): number {
  return Math.max(0, secondsOf(ms));
}
