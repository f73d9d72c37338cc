/**
 * Figures of the compiled worker with the Direct backend, journal on, as ratios to a floor taken in
 * the same run: `scripts/bench [--smoke] [--only NAME]...`. Not a timed test; `--smoke` proves that it runs.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DockerScale, dockerFigures } from "./benchmark/docker-figures.ts";
import { Bench, type Figure, type Kinds, type Scale } from "./benchmark/figures.ts";
import { kubernetesFigures } from "./benchmark/kubernetes-figures.ts";
import type { Agents } from "./benchmark/subject.ts";
import { telemetryFigures } from "./benchmark/telemetry.ts";
import { readArguments, requireKnown, runScript } from "./command-line.ts";
import { Unavailable } from "./services/service.ts";

const FULL: Scale = {
  rounds: 3,
  timedRounds: 15,
  starts: 15,
  tasks: 200,
  burst: 1_000,
  held: 300,
  soak: 10_000,
};
const SMOKE: Scale = { rounds: 1, timedRounds: 1, starts: 1, tasks: 10, burst: 50, held: 10, soak: 400 };

const DOCKER_FULL: DockerScale = { tasks: 15, atOnce: 20, rounds: 3 };
const DOCKER_SMOKE: DockerScale = { tasks: 2, atOnce: 4, rounds: 1 };

const ROOT = join(import.meta.dir, "..");
const WORKER = process.env["OZ_TEST_BINARY"] ?? join(ROOT, "dist/oz-agent-worker");

/** What the figures are taken with. */
interface Workbench {
  readonly bench: Bench;
  readonly kinds: Kinds;
  readonly agents: Agents;
  readonly smoke: boolean;
}

const MEASURES: Readonly<Record<string, (at: Workbench) => Promise<Figure | Figure[]>>> = {
  start: ({ bench }) => bench.startToConnected(),
  idle: ({ bench }) => bench.idleMemory(),
  one: ({ bench }) => bench.oneTask(),
  burst: ({ bench }) => bench.burst(),
  held: ({ bench }) => bench.heldTasks(),
  output: ({ bench }) => bench.loudTask(),
  soak: ({ bench }) => bench.soak(),
  docker: ({ smoke }) => dockerFigures(WORKER, smoke ? DOCKER_SMOKE : DOCKER_FULL),
  telemetry: ({ kinds, agents, smoke }) => telemetryFigures(kinds.worker, agents, scaleOf(smoke)),
  kubernetes: ({ smoke }) => kubernetesFigures(WORKER, scaleOf(smoke)),
};

async function main(): Promise<number> {
  const { smoke, only } = readArguments(
    {
      options: {
        smoke: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
      },
    },
    "scripts/bench [--smoke] [--only NAME]...",
  ).values;
  requireKnown("figure", only, Object.keys(MEASURES));
  const dir = mkdtempSync(join(tmpdir(), "oz-bench-bin-"));
  try {
    const kinds = {
      worker: { name: "worker", executable: WORKER },
      floor: { name: "floor", executable: buildFloor(join(dir, "floor")) },
    } as const;
    const agents = makeAgents(dir);
    const at: Workbench = { bench: new Bench(kinds, agents, scaleOf(smoke)), kinds, agents, smoke };
    say(row(["figure", "worker", "floor", "ratio", "target"]));
    for (const [name, measure] of Object.entries(MEASURES)) {
      if (only.length === 0 || only.includes(name)) await show(name, () => measure(at));
    }
    return 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function show(name: string, measure: () => Promise<Figure | Figure[]>): Promise<void> {
  try {
    for (const figure of [await measure()].flat()) say(row(cells(figure)));
  } catch (error) {
    // Under CI what cannot be measured is a defect; elsewhere there may be no right to start an engine.
    if (!(error instanceof Unavailable) || process.env["CI"] === "true") throw error;
    say(`${name} skipped: ${error.message}`);
  }
}

function scaleOf(smoke: boolean): Scale {
  return smoke ? SMOKE : FULL;
}

function buildFloor(outfile: string): string {
  const flags = ["--compile", "--minify", "--bytecode", "--format=esm"];
  const isolated = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  const entry = join(ROOT, "scripts/benchmark/floor.ts");
  const build = Bun.spawnSync([
    process.execPath,
    "build",
    ...flags,
    ...isolated,
    entry,
    "--outfile",
    outfile,
  ]);
  if (build.exitCode !== 0) throw new Error(`Cannot build the floor: ${build.stderr}`);
  return outfile;
}

function makeAgents(into: string): Agents {
  return {
    quick: script(join(into, "quick"), "exit 0"),
    held: script(join(into, "held"), "exec sleep 30"),
    loud: script(join(into, "loud"), "exec head -c 200000000 /dev/zero"),
  };
}

function script(path: string, text: string): string {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

function cells({ name, unit, worker, floor, target }: Figure): string[] {
  const ratio = floor === null ? "" : (worker / floor).toFixed(2);
  return [`${name}, ${unit}`, worker.toFixed(2), floor?.toFixed(2) ?? "", ratio, target];
}

function row([figure = "", worker = "", floor = "", ratio = "", target = ""]: readonly string[]): string {
  return `${figure.padEnd(48)}${worker.padStart(10)}${floor.padStart(10)}${ratio.padStart(8)}   ${target}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

await runScript("bench", main);
