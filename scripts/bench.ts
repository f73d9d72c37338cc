/**
 * Figures of the compiled worker with the Direct backend, journal on, as ratios to a floor taken in
 * the same run: `scripts/bench [--smoke] [--only NAME]`. Not a timed test; `--smoke` proves that it runs.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type DockerScale, dockerFigures } from "./benchmark/docker-figures.ts";
import { Bench, type Figure, type Scale } from "./benchmark/figures.ts";
import { kubernetesFigures } from "./benchmark/kubernetes-figures.ts";
import type { Agents } from "./benchmark/subject.ts";
import { telemetryFigures } from "./benchmark/telemetry.ts";
import { Unavailable } from "./services/service.ts";

const FULL: Scale = { starts: 15, tasks: 200, burst: 1_000, held: 300, soak: 10_000 };
const SMOKE: Scale = { starts: 2, tasks: 10, burst: 50, held: 10, soak: 400 };

const DOCKER_FULL: DockerScale = { tasks: 15, atOnce: 20, rounds: 3 };
const DOCKER_SMOKE: DockerScale = { tasks: 2, atOnce: 4, rounds: 1 };

const { values: flags } = parseArgs({
  options: { smoke: { type: "boolean" }, only: { type: "string" } },
});

const root = join(import.meta.dir, "..");
const dir = mkdtempSync(join(tmpdir(), "oz-bench-bin-"));
try {
  const worker = process.env["OZ_TEST_BINARY"] ?? join(root, "dist/oz-agent-worker");
  const kinds = {
    worker: { name: "worker", executable: worker },
    floor: { name: "floor", executable: buildFloor(join(dir, "floor")) },
  } as const;
  const agents = makeAgents(dir);
  const scale = flags.smoke ? SMOKE : FULL;
  const bench = new Bench(kinds, agents, scale);
  const measures: Record<string, () => Promise<Figure | Figure[]>> = {
    start: () => bench.startToConnected(),
    idle: () => bench.idleMemory(),
    one: () => bench.oneTask(),
    burst: () => bench.burst(),
    held: () => bench.heldTasks(),
    output: () => bench.loudTask(),
    soak: () => bench.soak(),
    docker: () => dockerFigures(worker, flags.smoke ? DOCKER_SMOKE : DOCKER_FULL),
    telemetry: () => telemetryFigures(kinds.worker, agents, scale),
    kubernetes: () => kubernetesFigures(worker, scale),
  };
  say(row(["figure", "worker", "floor", "ratio", "target"]));
  for (const [name, measure] of Object.entries(measures)) {
    if (flags.only !== undefined && flags.only !== name) continue;
    try {
      for (const figure of [await measure()].flat()) say(row(cells(figure)));
    } catch (error) {
      // Under CI what cannot be measured is a defect; elsewhere there may be no right to start an engine.
      if (!(error instanceof Unavailable) || process.env["CI"] === "true") throw error;
      say(`${name} skipped: ${error.message}`);
    }
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function buildFloor(outfile: string): string {
  const flags = ["--compile", "--minify", "--bytecode", "--format=esm"];
  const isolated = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  const entry = join(root, "scripts/benchmark/floor.ts");
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
