/**
 * The instruments, by the names that dashboards and alerts know. Counters and gauges are read off the
 * tally, so that each of their series is there from the start.
 */
import type { Meter, ObservableResult } from "@opentelemetry/api";
import { FAILURE_REASONS } from "../protocol/failure-reason.ts";
import { FAILURE_PHASES, TASK_RESULTS, type Tally, type TimingName } from "./tally.ts";
import type { WorkerFigures } from "./worker-figures.ts";

/** Tasks take from seconds to a day. */
const TASK_SECONDS: readonly number[] = [
  1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400,
];
/** Images take from nothing, when they are there, to many minutes. */
const PULL_SECONDS: readonly number[] = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800];
const CLAIM_SECONDS: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** A label, by the name that it has outside. */
const WORKER_ID = "worker_id";

type Observe = (result: ObservableResult, tally: Tally, worker: WorkerFigures) => void;
type Metric = readonly [name: string, help: string, observe: Observe];

const COUNTERS: readonly Metric[] = [
  [
    "oz_worker_tasks_claimed_total",
    "Tasks that this worker took on",
    (result, tally) => result.observe(tally.claimed),
  ],
  [
    "oz_worker_tasks_rejected_total",
    "Assignments turned down because the worker was at its limit",
    (result, tally) => result.observe(tally.rejectedAtCapacity, { reason: "at_capacity" }),
  ],
  [
    "oz_worker_tasks_completed_total",
    "Tasks that ended, by how they ended",
    (result, tally) => {
      for (const each of TASK_RESULTS) result.observe(tally.completed[each], { result: each });
    },
  ],
  [
    "oz_worker_task_failures_total",
    "Failures of tasks, by where they happened and why",
    (result, tally) => {
      for (const phase of FAILURE_PHASES) {
        for (const reason of FAILURE_REASONS) {
          result.observe(tally.failures(phase, reason), { phase, reason });
        }
      }
    },
  ],
  [
    "oz_worker_websocket_reconnects_total",
    "Attempts to connect to the control plane again, by why they were needed",
    (result, { reconnects }) => {
      result.observe(reconnects.dialFailed, { reason: "dial_failed" });
      result.observe(reconnects.remoteClose, { reason: "remote_close" });
    },
  ],
];

const GAUGES: readonly Metric[] = [
  [
    "oz_worker_connected",
    "1 while the worker is connected to the control plane",
    (result, tally) => result.observe(tally.connected ? 1 : 0),
  ],
  [
    "oz_worker_tasks_active",
    "Tasks that run here now",
    (result, _tally, worker) => result.observe(worker.activeTasks()),
  ],
  [
    "oz_worker_tasks_max_concurrent",
    "Most tasks at a time; 0: no limit",
    (result, _tally, worker) => result.observe(worker.maxConcurrentTasks),
  ],
  [
    "oz_worker_info",
    "Always 1; its labels tell of the worker",
    (result, _tally, { version, backend, workerId }) =>
      result.observe(1, { version, backend, [WORKER_ID]: workerId }),
  ],
  [
    "oz_worker_outbox_messages",
    "Messages that the control plane is not proven to have read",
    (result, _tally, worker) => result.observe(worker.outboxSize()),
  ],
  [
    "oz_worker_journal_durable",
    "1 while the journal is on disk; 0: a crash would lose results",
    (result, _tally, worker) => result.observe(worker.journalDurable() ? 1 : 0),
  ],
  [
    "oz_worker_engine_calls",
    "Calls to the engine that are made or wait to be made",
    (result, _tally, worker) => {
      const calls = worker.engineCalls();
      if (calls !== null) result.observe(calls);
    },
  ],
];

const SECONDS_GAUGES: readonly Metric[] = [
  [
    "oz_worker_outbox_oldest_age_seconds",
    "Age of the oldest message that the control plane is not proven to have read; 0 without any",
    (result, _tally, worker) => result.observe(worker.oldestUnreportedSeconds()),
  ],
  [
    "oz_worker_event_loop_delay_seconds",
    "How late the worker's event loop was, at its worst in the last minute",
    (result, _tally, worker) => result.observe(worker.eventLoopDelaySeconds()),
  ],
];

const BYTE_GAUGES: readonly Metric[] = [
  [
    "oz_worker_journal_bytes",
    "Size of the journal on disk",
    (result, _tally, worker) => result.observe(worker.journalBytes()),
  ],
  [
    "oz_worker_process_resident_memory_bytes",
    "Resident memory of the worker's own process",
    (result) => result.observe(process.memoryUsage.rss()),
  ],
];

const HISTOGRAMS: Readonly<
  Record<TimingName, readonly [name: string, help: string, buckets: readonly number[]]>
> = {
  task: ["oz_worker_task_duration_seconds", "How long tasks took, by how they ended", TASK_SECONDS],
  claim: [
    "oz_worker_task_claim_delay_seconds",
    "From an assignment to the claim being on its way",
    CLAIM_SECONDS,
  ],
  start: ["oz_worker_task_start_delay_seconds", "From an assignment to the agent's start", PULL_SECONDS],
  pull: ["oz_worker_image_pull_duration_seconds", "How long it took to have a task's image", PULL_SECONDS],
  sidecar: ["oz_worker_sidecar_duration_seconds", "How long a task's sidecars took", PULL_SECONDS],
};

export function registerInstruments(meter: Meter, tally: Tally, worker: WorkerFigures): void {
  for (const [name, description, observe] of COUNTERS) {
    const counter = meter.createObservableCounter(name, { description });
    counter.addCallback((result) => observe(result, tally, worker));
  }
  for (const [metrics, unit] of [
    [GAUGES, ""],
    [SECONDS_GAUGES, "s"],
    [BYTE_GAUGES, "By"],
  ] as const) {
    for (const [name, description, observe] of metrics) {
      const gauge = meter.createObservableGauge(name, { description, unit });
      gauge.addCallback((result) => observe(result, tally, worker));
    }
  }
  const histogram = (name: TimingName) => {
    const [metric, description, buckets] = HISTOGRAMS[name];
    const advice = { explicitBucketBoundaries: [...buckets] };
    return meter.createHistogram(metric, { description, unit: "s", advice });
  };
  const histograms = {
    task: histogram("task"),
    claim: histogram("claim"),
    start: histogram("start"),
    pull: histogram("pull"),
    sidecar: histogram("sidecar"),
  };
  tally.recordTimings(({ name, seconds, result }) =>
    histograms[name].record(seconds, result === undefined ? {} : { result }),
  );
}
