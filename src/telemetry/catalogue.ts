/**
 * The metrics, by the names that dashboards and alerts know. Their series are there from the start, with
 * 0: what `increase` has not seen before, it does not count. Our own histograms come with their first use.
 */
import { FAILURE_REASONS } from "../protocol/failure-reason.ts";
import type { Histogram } from "./histogram.ts";
import { FAILURE_PHASES, TASK_RESULTS, type Tally } from "./tally.ts";
import type { WorkerFigures } from "./worker-figures.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Point<T> {
  readonly labels: Labels;
  readonly value: T;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly unit: "" | "s" | "By";
}

export interface NumberMetric extends Described {
  readonly type: "counter" | "gauge";
  points(): readonly Point<number>[];
}

export interface HistogramMetric extends Described {
  readonly type: "histogram";
  points(): readonly Point<Histogram>[];
}

export type Metric = NumberMetric | HistogramMetric;

export function catalogueOf(tally: Tally, worker: WorkerFigures): readonly Metric[] {
  return [...counters(tally), ...gauges(tally, worker), ...histograms(tally), ...additions(tally, worker)];
}

function counters(tally: Tally): Metric[] {
  // Made once: a scrape need not make a hundred objects only to throw them away.
  const results = TASK_RESULTS.map((result) => ({ result, labels: { result } }));
  const failures = FAILURE_PHASES.flatMap((phase) =>
    FAILURE_REASONS.map((reason) => ({ phase, reason, labels: { phase, reason } })),
  );
  return [
    counter("oz_worker_tasks_claimed_total", "Tasks that this worker took on", () => [
      { labels: NONE, value: tally.claimed },
    ]),
    counter("oz_worker_tasks_rejected_total", "Assignments turned down at the worker's limit", () => [
      { labels: AT_CAPACITY, value: tally.rejectedAtCapacity },
    ]),
    counter("oz_worker_tasks_completed_total", "Tasks that ended, by how they ended", () =>
      results.map(({ result, labels }) => ({ labels, value: tally.completed[result] })),
    ),
    counter("oz_worker_task_failures_total", "Failures of tasks, by where they happened and why", () =>
      failures.map(({ phase, reason, labels }) => ({ labels, value: tally.failures(phase, reason) })),
    ),
    counter(
      "oz_worker_websocket_reconnects_total",
      "Attempts to connect to the control plane again, by why they were needed",
      () => [
        { labels: DIAL_FAILED, value: tally.reconnects.dialFailed },
        { labels: REMOTE_CLOSE, value: tally.reconnects.remoteClose },
      ],
    ),
  ];
}

function gauges(tally: Tally, worker: WorkerFigures): Metric[] {
  const { version, backend, workerId } = worker;
  const who = { version, backend, [WORKER_ID]: workerId };
  return [
    gauge("oz_worker_connected", "", "1 while the worker is connected to the control plane", () =>
      tally.connected ? 1 : 0,
    ),
    gauge("oz_worker_tasks_active", "", "Tasks that run here now", () => worker.activeTasks()),
    gauge(
      "oz_worker_tasks_max_concurrent",
      "",
      "Most tasks at a time; 0: no limit",
      () => worker.maxConcurrentTasks,
    ),
    {
      name: "oz_worker_info",
      help: "Always 1; its labels tell of the worker",
      unit: "",
      type: "gauge",
      points: () => [{ labels: who, value: 1 }],
    },
  ];
}

function histograms(tally: Tally): Metric[] {
  const results = TASK_RESULTS.map((result) => ({ labels: { result }, value: tally.taskSeconds[result] }));
  return [
    histogram("oz_worker_task_duration_seconds", "How long tasks took, by how they ended", () => results),
  ];
}

/** What a monitoring system needs beside those that it knows from elsewhere. */
function additions(tally: Tally, worker: WorkerFigures): Metric[] {
  const one = (value: Histogram) => () => (value.count > 0 ? [{ labels: NONE, value }] : []);
  return [
    gauge("oz_worker_outbox_messages", "", "Messages that the control plane is not proven to have read", () =>
      worker.outboxSize(),
    ),
    gauge("oz_worker_outbox_oldest_age_seconds", "s", "Age of the oldest of them; 0 without any", () =>
      worker.oldestUnreportedSeconds(),
    ),
    gauge("oz_worker_journal_bytes", "By", "Size of the journal on disk", () => worker.journalBytes()),
    gauge(
      "oz_worker_journal_durable",
      "",
      "1 while the journal is on disk; 0: a crash would lose results",
      () => (worker.journalDurable() ? 1 : 0),
    ),
    gauge("oz_worker_engine_calls", "", "Calls to the engine that are made or wait to be made", () =>
      worker.engineCalls(),
    ),
    gauge(
      "oz_worker_process_resident_memory_bytes",
      "By",
      "Resident memory of the worker's own process",
      () => process.memoryUsage.rss(),
    ),
    gauge(
      "oz_worker_event_loop_delay_seconds",
      "s",
      "How late the worker's event loop was, at its worst in the last minute",
      () => worker.eventLoopDelaySeconds(),
    ),
    histogram(
      "oz_worker_task_claim_delay_seconds",
      "From an assignment to the claim being on its way",
      one(tally.claimSeconds),
    ),
    histogram(
      "oz_worker_task_start_delay_seconds",
      "From an assignment to the agent's start",
      one(tally.startSeconds),
    ),
    histogram(
      "oz_worker_image_pull_duration_seconds",
      "How long it took to have a task's image",
      one(tally.pullSeconds),
    ),
    histogram(
      "oz_worker_sidecar_duration_seconds",
      "How long a task's sidecars took",
      one(tally.sidecarSeconds),
    ),
  ];
}

/** A label, by the name that it has outside. */
const WORKER_ID = "worker_id";
const AT_CAPACITY = { reason: "at_capacity" } as const satisfies Labels;
const DIAL_FAILED = { reason: "dial_failed" } as const satisfies Labels;
const REMOTE_CLOSE = { reason: "remote_close" } as const satisfies Labels;
const NONE = {} as const satisfies Labels;

function counter(name: string, help: string, points: () => Point<number>[]): Metric {
  return { name, help, unit: "", type: "counter", points };
}

/** `read` null: there is nothing of the kind here. */
function gauge(name: string, unit: Metric["unit"], help: string, read: () => number | null): Metric {
  const points = () => {
    const value = read();
    return value === null ? [] : [{ labels: NONE, value }];
  };
  return { name, help, unit, type: "gauge", points };
}

function histogram(name: string, help: string, points: () => readonly Point<Histogram>[]): Metric {
  return { name, help, unit: "s", type: "histogram", points };
}
