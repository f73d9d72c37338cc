/**
 * Metrics and traces of one worker. What is counted is counted from the start; the exporters are heavy
 * and loaded when the handshake is on its way, and not at all when nobody asked for them.
 */
import { pause, within } from "../async/wait.ts";
import type { TelemetrySettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import type { Redact } from "../logging/redact.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type TaskObserver, UNOBSERVED } from "../task/observer.ts";
import { allOf } from "./observers.ts";
import { CLOSED, type Pipeline } from "./pipeline.ts";
import { Tally } from "./tally.ts";
import type { TaskSpans } from "./task-spans.ts";
import type { WorkerFigures } from "./worker-figures.ts";

/** A connection that takes longer is not worth waiting for. */
const LOAD_AFTER_MS = 1_000;
/** A dead collector would otherwise hold a stop for as long as its own timeouts allow. */
const CLOSE_MS = 5_000;

export interface TelemetryOptions {
  readonly settings: TelemetrySettings;
  readonly version: string;
  readonly workerId: string;
  readonly backend: string;
  readonly instanceId: string;
  readonly redact: Redact;
  readonly log: Logger;
}

export class Telemetry implements AsyncDisposable {
  private readonly options: TelemetryOptions;
  /** Null before the first connection, which does not wait for it. */
  private counts: Tally | null = null;
  private readonly connected = new AbortController();
  private readonly stopping = new AbortController();
  private spans: TaskSpans | null = null;
  private traces: Pipeline = CLOSED;
  private metrics: Promise<Pipeline> = Promise.resolve(CLOSED);

  constructor(options: TelemetryOptions) {
    this.options = options;
    for (const why of options.settings.warnings) options.log.warn("telemetry setting ignored", { why });
  }

  /** For the link. */
  readonly link = {
    up: () => {
      this.tally.up();
      this.connected.abort();
    },
    down: () => this.tally.down(),
    reconnecting: (reason: "dial_failed" | "remote_close") => this.tally.reconnecting(reason),
  };

  /** For the tasks; asked for once traces are open, if there are to be any. */
  get tasks(): TaskObserver {
    const watching: TaskObserver[] = [];
    if (this.hasMetrics) watching.push(this.tally);
    if (this.spans !== null) watching.push(this.spans);
    return watching.length === 0 ? UNOBSERVED : allOf(watching);
  }

  /** Everything up to `seq` is proven to have been read. */
  delivered(seq: number): void {
    this.spans?.delivered(seq);
  }

  /** Before the first task, whose trace would otherwise be missed. Costs nothing without traces. */
  async openTraces(): Promise<void> {
    const { settings, redact, log } = this.options;
    if (settings.traces.exporters.length === 0) return;
    try {
      const { openTraces } = await import("./traces.ts");
      const opened = await openTraces({ settings: settings.traces, resource: this.resource, redact, log });
      if (opened === null) return;
      this.spans = opened.spans;
      this.traces = opened;
    } catch (error) {
      log.warn("traces cannot be taken; the worker goes on without", { why: wordsOf(error) });
    }
  }

  /** In the background: the first connection comes first. */
  openMetrics(worker: WorkerFigures): void {
    if (!this.hasMetrics) return;
    this.metrics = this.loadMetrics(worker).catch((error) => {
      this.options.log.warn("metrics cannot be taken; the worker goes on without", { why: wordsOf(error) });
      return CLOSED;
    });
  }

  /** Sends what is left, for a while. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    const closed = Promise.all([this.traces.close(), this.metrics.then((pipeline) => pipeline.close())]);
    const done = await within(
      closed.then(() => true),
      CLOSE_MS,
      false,
    );
    if (!done) this.options.log.warn("telemetry could not be sent to the end", { seconds: CLOSE_MS / 1_000 });
  }

  private get tally(): Tally {
    this.counts ??= new Tally();
    return this.counts;
  }

  private get hasMetrics(): boolean {
    return this.options.settings.metrics.exporters.length > 0;
  }

  private get resource() {
    const { version, workerId, backend, instanceId, settings } = this.options;
    return { version, workerId, backend, instanceId, given: settings.resource };
  }

  private async loadMetrics(worker: WorkerFigures): Promise<Pipeline> {
    const { settings, log } = this.options;
    await pause(LOAD_AFTER_MS, AbortSignal.any([this.connected.signal, this.stopping.signal]));
    // One that is stopped within its first second has nothing to tell that is worth loading this for.
    if (this.stopping.signal.aborted) return CLOSED;
    const { openMetrics } = await import("./metrics.ts");
    return openMetrics({
      settings: settings.metrics,
      resource: this.resource,
      tally: this.tally,
      worker,
      log,
    });
  }
}
