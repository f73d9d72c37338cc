/**
 * The one test command.
 *
 *   scripts/test            the static gate, the build, all tests; under CI=true the demo and the
 *                           smoke run of the benchmark too
 *   scripts/test STEP...    only these: check build unit integration binary deno slow live demo bench
 *                           or deno-whole: what `deno` spares for the time that it takes, too
 *                           (slow is the part of binary that waits for minutes of true time)
 *
 * What needs the executable is preceded by the build. The last line is `N passed, M failed`, summed
 * over everything; each rule of the gate, the build, the demo and the benchmark count as one test.
 * What failed is named again above it. Under CI=true a few tests that fail run once more by themselves:
 * those that pass then are named there as unsteady, and are a fault to be found, in them or in us.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { requireKnown, runScript } from "./command-line.ts";
import { mayProvide } from "./services/service.ts";
import { pathWithTools } from "./services/test-tools.ts";
import { runUnderDeno } from "./suite/deno.ts";
import { Findings } from "./suite/findings.ts";
import { LiveTests } from "./suite/live.ts";
import { runFolder, runProgram, runRules, runSlow, type Surroundings } from "./suite/step.ts";
import { isGreen, NOTHING, ONE_SKIPPED, renderTally, sum, type Tally } from "./suite/tally.ts";

const STEPS = [
  "check",
  "build",
  "unit",
  "integration",
  "binary",
  "deno",
  "slow",
  "deno-whole",
  "live",
  "demo",
  "bench",
] as const;
type Step = (typeof STEPS)[number];

const ONLY_IN_CI: readonly Step[] = ["demo", "bench"];
const ONLY_BY_NAME: readonly Step[] = ["deno-whole"];
/** What mostly waits, for time, tasks or figures, and the step beside which it runs, needing nothing of what that needs. */
const BESIDE: ReadonlyMap<Step, Step> = new Map([
  // The first step that leaves the processor some time.
  ["slow", "binary"],
  ["demo", "deno"],
  ["bench", "deno"],
]);
const NEEDS_EXECUTABLE: readonly Step[] = ["integration", "binary", "slow", "live", "demo", "bench"];

async function main(): Promise<number> {
  const root = resolve(import.meta.dir, "..");
  const here: Surroundings = {
    root,
    binary: join(root, "dist/oz-agent-worker"),
    write: (text) => void process.stdout.write(text),
    output: "inherit",
    findings: new Findings(),
    repeats: process.env["CI"] === "true",
  };
  process.env["PATH"] = await pathWithTools(here.write);
  const done = new Map<Step, Tally>();
  const asides = new Map<Step, Aside>();
  const steps = chooseSteps(process.argv.slice(2));
  await using live = new LiveTests(here);
  const hasTime = () => {
    if (steps.includes("live")) live.prepare();
  };
  const running: WholeRun = { ...here, live, hasTime };
  for (const step of steps) {
    here.write(`\n== ${step}\n`);
    const startMs = performance.now();
    const blocked = (done.get("build")?.failed ?? 0) > 0 && NEEDS_EXECUTABLE.includes(step);
    if (blocked) here.write("skip  there is no executable to test\n");
    if (done.get("build")?.failed === 0) beginAsides(running, step, steps, asides);
    const whole = async () => (await asides.get(step)?.ended(here.write)) ?? (await runStep(running, step));
    const tally = blocked ? ONE_SKIPPED : await whole();
    done.set(step, tally);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    here.write(`-- ${step}: ${renderTally(tally)}, ${seconds} s\n`);
  }
  const total = sum([...done.values()]);
  here.write(`\n${here.findings.render()}${renderTally(total)}\n`);
  return isGreen(total) ? 0 : 1;
}

function chooseSteps(argv: readonly string[]): Step[] {
  requireKnown("step", argv, STEPS);
  if (argv.length === 0) {
    const inCi = process.env["CI"] === "true";
    return STEPS.filter((step) => (inCi || !ONLY_IN_CI.includes(step)) && !ONLY_BY_NAME.includes(step));
  }
  const asked = argv.includes("binary") ? [...argv, "slow"] : argv;
  const needsBuild = NEEDS_EXECUTABLE.some((step) => asked.includes(step));
  return STEPS.filter((step) => asked.includes(step) || (step === "build" && needsBuild));
}

interface WholeRun extends Surroundings {
  readonly live: LiveTests;
  /** Called when a step has little left to do, so that the next may begin with what takes time and no processor. */
  readonly hasTime: () => void;
}

async function runStep(here: WholeRun, step: Step): Promise<Tally> {
  switch (step) {
    case "check":
      return await runRules(here);
    case "build":
      return await runProgram(here, [process.execPath, "scripts/build.ts", "--outfile", here.binary]);
    case "unit":
      return await runFolder(here, step, { atOnce: 2 });
    case "integration":
      return await runFolder(here, step, { atOnce: 4 });
    case "binary":
      return await runFolder(here, step, { atOnce: 7 });
    case "slow":
      return await runSlow(here, "binary");
    case "deno":
      return await runUnderDeno(here, { whole: false, lastBegun: here.hasTime });
    case "deno-whole":
      return await runUnderDeno(here, { whole: true, lastBegun: here.hasTime });
    case "live":
      return await here.live.run();
    case "demo":
      return sum([await runWhereThere(here, ["scripts/demo"]), await runDockerDemo(here)]);
    case "bench":
      return await runWhereThere(here, ["scripts/bench", "--smoke"]);
    default:
      return step satisfies never;
  }
}

/** What runs beside other steps, because it needs hardly a processor, and is told of in its own. */
interface Aside {
  /** Writes what was said meanwhile. */
  ended(write: (text: string) => void): Promise<Tally>;
}

function beginAsides(here: WholeRun, step: Step, steps: readonly Step[], asides: Map<Step, Aside>): void {
  for (const [waits, beside] of BESIDE) {
    if (beside === step && steps.includes(waits)) asides.set(waits, beginAside(here, waits));
  }
}

function beginAside(here: WholeRun, step: Step): Aside {
  const said: string[] = [];
  const tally = runStep({ ...here, write: (text) => said.push(text), output: "late" }, step);
  return {
    ended: async (write) => {
      const result = await tally;
      for (const text of said) write(text);
      return result;
    },
  };
}

/** Where an engine may be started for it; on somebody's machine the demo is theirs to start. */
async function runDockerDemo(here: Surroundings): Promise<Tally> {
  if (mayProvide()) return await runProgram(here, [join(here.root, "scripts/demo"), "docker"]);
  here.write("skip  scripts/demo docker: CI=true or OZ_TEST_INSTALL=1 would start an engine for it\n");
  return ONE_SKIPPED;
}

async function runWhereThere(here: Surroundings, [script = "", ...args]: readonly string[]): Promise<Tally> {
  const program = join(here.root, script);
  if (existsSync(program)) return await runProgram(here, [program, ...args]);
  here.write(`skip  there is no ${script}\n`);
  return NOTHING;
}

if (import.meta.main) await runScript("test", main);
