/**
 * What metrics cost, beside the same worker without: taken in turn, after they were collected and
 * exported many times, because a figure before the first export is half of the truth.
 */
import type { Figure, Scale } from "./figures.ts";
import { type Agents, type Memory, Subject, type SubjectKind } from "./subject.ts";

type Exporter = "none" | "prometheus" | "otlp";
const EXPORTERS: readonly Exporter[] = ["none", "prometheus", "otlp"];

const ROUNDS = 5;
const EXPORTS = 20;
const EXPORT_EVERY_MS = 100;
/** Just-in-time compilation and first touches of memory are not what is measured. */
const WARM_UP = 50;

interface Sample extends Memory {
  readonly taskMs: number;
}

export async function telemetryFigures(worker: SubjectKind, agents: Agents, scale: Scale): Promise<Figure[]> {
  using collector = new Collector();
  const samples: Record<Exporter, Sample[]> = { none: [], prometheus: [], otlp: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const exporter of EXPORTERS)
      samples[exporter].push(await sample(exporter, worker, agents, scale, collector));
  }
  return EXPORTERS.slice(1).flatMap((exporter) => {
    const [resident, own] = exporter === "prometheus" ? [6, 3] : [8, 4];
    const row = (name: string, unit: string, pick: (sample: Sample) => number, target: string): Figure => ({
      name: `${exporter}: ${name} (beside: none)`,
      unit,
      worker: median(samples[exporter].map(pick)),
      floor: median(samples.none.map(pick)),
      target,
    });
    return [
      row("idle, resident", "MB", ({ residentMb }) => residentMb, `at most ${resident} MB more`),
      row("idle, private", "MB", ({ privateMb }) => privateMb, `at most ${own} MB more`),
      row("one task", "ms", ({ taskMs }) => taskMs, "at most 0.05 ms more"),
    ];
  });
}

async function sample(
  exporter: Exporter,
  worker: SubjectKind,
  agents: Agents,
  scale: Scale,
  collector: Collector,
): Promise<Sample> {
  const port = freePort();
  const kind = { ...worker, environment: environmentOf(exporter, port, collector) };
  await using idle = new Subject(kind, agents.quick);
  await idle.start();
  await Bun.sleep(1_000); // idle is a state of time, and metrics are loaded after the start
  if (exporter === "prometheus") for (let i = 0; i < EXPORTS; i++) await scrape(port);
  if (exporter === "otlp") await collector.exports(EXPORTS);
  await Bun.sleep(1_000); // what the exports left is collected by then
  const memory = idle.memory();
  const taskMs = await oneTask(idle, scale.tasks);
  return { ...memory, taskMs };
}

async function oneTask(subject: Subject, tasks: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < tasks + WARM_UP; i++) {
    const startedAt = performance.now();
    await subject.plane.run([`one-${i}`], {}, "ended");
    if (i >= WARM_UP) times.push(performance.now() - startedAt);
  }
  return median(times);
}

function environmentOf(exporter: Exporter, port: number, collector: Collector): Record<string, string> {
  switch (exporter) {
    case "none":
      return {};
    case "prometheus":
      return { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: String(port) };
    case "otlp":
      return {
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_METRIC_EXPORT_INTERVAL: String(EXPORT_EVERY_MS),
      };
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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
