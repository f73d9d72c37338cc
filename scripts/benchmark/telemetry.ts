/**
 * What metrics cost, beside the same worker without: taken in turn, after they were collected and
 * exported a few times, because a figure before the first export is half of the truth.
 */
import { type Figure, median, type Scale } from "./figures.ts";
import { type Agents, type Memory, Subject, type SubjectKind } from "./subject.ts";

/** `unset`: as a worker is started by most, without a word of metrics, on a host without a collector. */
type Exporter = "none" | "prometheus" | "otlp" | "unset";
const EXPORTERS: readonly Exporter[] = ["none", "prometheus", "otlp", "unset"];
const MOST_MB: Readonly<Record<Exporter, readonly [resident: number, own: number]>> = {
  none: [0, 0],
  prometheus: [6, 3],
  otlp: [8, 4],
  unset: [3, 1],
};

const ROUNDS = 5;
const EXPORTS = 5;
const EXPORT_EVERY_MS = 250;
/** Just-in-time compilation and first touches of memory are not what is measured. */
const WARM_UP = 50;
/** The machine's other work only ever adds to a task's time, so the quick ones tell. */
const QUICK = 0.25;

export async function telemetryFigures(worker: SubjectKind, agents: Agents, scale: Scale): Promise<Figure[]> {
  using collector = new Collector();
  const memory: Record<Exporter, Memory[]> = { none: [], prometheus: [], otlp: [], unset: [] };
  for (let round = 0; round < Math.min(ROUNDS, scale.starts); round++) {
    for (const exporter of EXPORTERS)
      memory[exporter].push(await idleMemory(exporter, worker, agents, collector));
  }
  const tasks = await taskTimes(worker, agents, scale.tasks, collector);
  return EXPORTERS.slice(1).flatMap((exporter) => {
    const [resident, own] = MOST_MB[exporter];
    const idle = (name: string, pick: (memory: Memory) => number, target: string): Figure => ({
      name: `${exporter}: ${name} (beside: none)`,
      unit: "MB",
      worker: median(memory[exporter].map(pick)),
      floor: median(memory.none.map(pick)),
      target,
    });
    return [
      idle("idle, resident", ({ residentMb }) => residentMb, `at most ${resident} MB more`),
      idle("idle, private", ({ privateMb }) => privateMb, `at most ${own} MB more`),
      {
        name: `${exporter}: one task (beside: none)`,
        unit: "ms",
        worker: quantile(tasks[exporter], QUICK),
        floor: quantile(tasks.none, QUICK),
        target: "at most 0.05 ms more",
      },
    ];
  });
}

async function idleMemory(
  exporter: Exporter,
  worker: SubjectKind,
  agents: Agents,
  collector: Collector,
): Promise<Memory> {
  const port = freePort();
  const kind = { ...worker, environment: environmentOf(exporter, port, collector, EXPORT_EVERY_MS) };
  await using subject = new Subject(kind, agents.quick);
  await subject.start();
  await Bun.sleep(1_000); // idle is a state of time, and metrics are loaded after the start
  if (exporter === "prometheus") for (let i = 0; i < EXPORTS; i++) await scrape(port);
  if (exporter === "otlp") await collector.exports(EXPORTS);
  if (exporter === "unset") await Bun.sleep(EXPORTS * EXPORT_EVERY_MS);
  await Bun.sleep(500); // what the exports left is collected by then
  return subject.memory();
}

/** One task of each in turn, in workers that run side by side: whatever the machine does, it does to all. */
async function taskTimes(
  worker: SubjectKind,
  agents: Agents,
  tasks: number,
  collector: Collector,
): Promise<Record<Exporter, number[]>> {
  const times: Record<Exporter, number[]> = { none: [], prometheus: [], otlp: [], unset: [] };
  await using stack = new AsyncDisposableStack();
  const subjects = EXPORTERS.map((exporter) => {
    const environment = environmentOf(exporter, freePort(), collector, 60_000);
    const subject = stack.use(new Subject({ ...worker, environment }, agents.quick));
    return { exporter, subject };
  });
  for (const { subject } of subjects) await subject.start();
  for (let i = 0; i < tasks + WARM_UP; i++) {
    for (const { exporter, subject } of subjects) {
      const startedAt = performance.now();
      await subject.plane.run([`one-${i}`], {}, "ended");
      if (i >= WARM_UP) times[exporter].push(performance.now() - startedAt);
    }
  }
  return times;
}

function environmentOf(
  exporter: Exporter,
  port: number,
  collector: Collector,
  everyMs: number,
): Record<string, string> {
  switch (exporter) {
    case "none":
      return {};
    case "prometheus":
      return { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: String(port) };
    case "otlp":
      return {
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_METRIC_EXPORT_INTERVAL: String(everyMs),
      };
    case "unset":
      return { OTEL_METRICS_EXPORTER: "", OTEL_METRIC_EXPORT_INTERVAL: String(everyMs) };
    default:
      return exporter satisfies never;
  }
}

async function scrape(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  await response.text();
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port ?? 0;
}

/** Takes everything and keeps nothing. */
class Collector implements Disposable {
  private readonly server: ReturnType<typeof Bun.serve>;
  private onExport: () => void = () => {};

  constructor() {
    this.server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        await request.arrayBuffer();
        this.onExport();
        return new Response();
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  exports(count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = count;
      this.onExport = () => {
        left -= 1;
        if (left === 0) resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    this.server.stop(true);
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
