/** One part of a test run: the gate, the build, a folder of tests, a program. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGate } from "../check.ts";
import { type Output, runChild } from "./child.ts";
import type { Findings } from "./findings.ts";
import { type Report, readReport } from "./junit.ts";
import { leftIn, makeTemporary } from "./leavings.ts";
import { NOTHING, ONE_FAILED, ONE_PASSED, sum, type Tally } from "./tally.ts";

const TEST_TIMEOUT_MS = 60_000;

export interface Surroundings {
  readonly root: string;
  /** The executable that the build writes. */
  readonly binary: string;
  readonly write: (text: string) => void;
  /** Of what is started. */
  readonly output: Output;
  readonly findings: Findings;
  /** Whether tests that fail run once more by themselves. */
  readonly repeats: boolean;
}

/** Each rule of the gate counts as one test. */
export async function runRules({ write, findings }: Surroundings): Promise<Tally> {
  const verdicts = await runGate([], write);
  for (const { name, result } of verdicts) if (result === "failed") findings.failed(`the rule ${name}`);
  const count = (wanted: string) => verdicts.filter(({ result }) => result === wanted).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

/** A program counts as one test, passed when its exit status is 0. */
export async function runProgram(
  { root, write, output, findings }: Surroundings,
  argv: readonly string[],
): Promise<Tally> {
  const exitCode = await runChild(argv, { root, env: {}, output, write });
  if (exitCode === 0) return ONE_PASSED;
  write(`FAIL  ${argv.join(" ")} ended with status ${exitCode}\n`);
  findings.failed(`${argv.join(" ")}: status ${exitCode}`);
  return ONE_FAILED;
}

/** Tests that wait for minutes of true time, and need hardly a processor: they run beside whole steps. */
const SLOW = /(?:^|\/)slow-[^/]*\.test\.ts$/;

/** All `*.test.ts` below tests/FOLDER, as paths from the root. */
export async function testFiles({ root }: Surroundings, folder: string): Promise<readonly string[]> {
  const found = await Array.fromAsync(new Bun.Glob(`tests/${folder}/**/*.test.ts`).scan({ cwd: root }));
  return found.sort();
}

export interface FolderRun {
  /** Over this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many processes share the files; one unless told. */
  readonly atOnce?: number;
}

/** All of a folder but the slow ones. No such file: nothing to count. */
export async function runFolder(
  here: Surroundings,
  folder: string,
  { env = {}, atOnce = 1 }: FolderRun = {},
): Promise<Tally> {
  const files = (await testFiles(here, folder)).filter((file) => !SLOW.test(file));
  if (files.length === 0) {
    here.write(`skip  tests/${folder} holds no test\n`);
    return NOTHING;
  }
  return await runShared(here, files, { env, atOnce });
}

/** The slow ones of a folder. */
export async function runSlow(here: Surroundings, folder: string): Promise<Tally> {
  const files = (await testFiles(here, folder)).filter((file) => SLOW.test(file));
  return await runShared(here, files, { env: {}, atOnce: 1 });
}

export interface HandsRun extends Omit<FilesRun, "output"> {
  /** Called when the last process was begun, before it ends: from now on the machine has less and less to do. */
  readonly lastBegun?: () => void;
  /** What stands between a run and its repetition; unless told, nothing, and few files are worth one. */
  readonly repetition?: Repetition;
}

export interface Repetition {
  /** Files; more that fail have a reason in common that a repetition does not take away. */
  readonly atMost: number;
  /** Resolves with the environment of the second run. */
  prepare(): Promise<FilesRun["env"]>;
}

export interface SharedRun extends HandsRun {
  /** How many processes. */
  readonly atOnce: number;
}

/** More of them have a reason in common. */
const REPEATED_AT_MOST = 3;
/** Of each process that runs at once, one after the other: one that had several long files would go on alone. */
const HANDS_EACH = 12;

/** A quarter of a minute and more each: begun last, one of them would go on alone. */
const LONG =
  /(?:^|\/)(?:chaos|foreign-machine|install|install-habits|install-lies|kubernetes-unproven|log-reader|other-systems|otlp|release|retirement|shim-brief|shim-in-trouble|siblings|state-folder|stop)\.test\.ts$/;

/** Files dealt out to many processes, of which so many run at once. */
export function runShared(
  here: Surroundings,
  files: readonly string[],
  { atOnce, ...run }: SharedRun,
): Promise<Tally> {
  const count = atOnce === 1 ? 1 : atOnce * HANDS_EACH;
  const longFirst = files.toSorted((one, other) => Number(LONG.test(other)) - Number(LONG.test(one)));
  const hands = Array.from({ length: count }, (_, hand) => longFirst.filter((_, at) => at % count === hand));
  return runHands(here, hands, { ...run, atOnce });
}

/**
 * A process for each hand: mostly tests wait, so that two cores hold more than two. Where a few fail they may
 * run once more, with the machine for themselves; what passes then is unsteady.
 */
export async function runHands(
  here: Surroundings,
  hands: readonly (readonly string[])[],
  { atOnce, lastBegun, ...run }: SharedRun,
): Promise<Tally> {
  const results: FilesResult[] = [];
  const full = hands.filter((hand) => hand.length > 0);
  const waiting = full.entries();
  const takeHands = async () => {
    for (const [index, hand] of waiting) {
      if (index === full.length - 1) lastBegun?.();
      results.push(await runFiles(here, hand, { ...run, output: index === 0 ? here.output : "late" }));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeHands));
  const left = await judgeLeavings(here, results, run);
  return sum([left, await judgeFailures(here, results, run)]);
}

/** What tests left behind counts as one that failed. As with those, once may be an accident. */
async function judgeLeavings(
  here: Surroundings,
  results: readonly FilesResult[],
  run: Omit<FilesRun, "output">,
): Promise<Tally> {
  const untidy = results.filter(({ left }) => left.length > 0);
  const mayRepeat = here.repeats && untidy.length <= REPEATED_AT_MOST;
  let failed = 0;
  for (const { files, left } of untidy) {
    const what = `${files.join(" ")} left behind: ${left.join(", ")}`;
    if (mayRepeat) here.write(`\nagain, for ${what}\n`);
    const again = mayRepeat ? await runFiles(here, files, { ...run, output: here.output }) : null;
    if (again?.left.length === 0 && again.tally.failed === 0) here.findings.unsteady(what);
    else {
      here.write(`FAIL  ${what}\n`);
      here.findings.failed(what);
      failed += 1;
    }
  }
  return { ...NOTHING, failed };
}

async function judgeFailures(
  here: Surroundings,
  results: readonly FilesResult[],
  { repetition, ...run }: HandsRun,
): Promise<Tally> {
  const tally = sum(results.map((result) => result.tally));
  const failures = results.flatMap((result) => result.failures);
  const failing = [...new Set(failures.map(({ file }) => file))];
  const allKnown = failures.length > 0 && failures.length === tally.failed;
  if (here.repeats && allKnown && failing.length <= (repetition?.atMost ?? REPEATED_AT_MOST)) {
    here.write(`\nagain, by themselves: ${failing.join(" ")}\n`);
    const env = (await repetition?.prepare()) ?? run.env;
    const only = failures.map(({ name }) => name);
    const second = await runFiles(here, failing, { ...run, env, only, output: here.output });
    // One that is only skipped the second time has not passed.
    if (second.tally.failed === 0 && failures.every(second.passed)) {
      here.findings.unsteadyTests(failures);
      return { ...tally, passed: tally.passed + tally.failed, failed: 0 };
    }
  }
  here.findings.failedTests(failures);
  return tally;
}

export interface FilesRun {
  /** Over this process's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly output: Output;
  /** Tests whose full name begins with one of these are not run. */
  readonly except?: readonly string[];
  /** Full names, as a report has them: no other test is run, whatever `except` says. */
  readonly only?: readonly string[];
  /** An engine that a test starts again has that one's environment, and outlives it: the tests share our temporary folder. */
  readonly onEngines?: boolean;
}

interface FilesResult extends Pick<Report, "tally" | "failures" | "passed"> {
  readonly files: readonly string[];
  /** What they left behind, in words. Of those that failed nothing: they may be cut short anywhere. */
  readonly left: readonly string[];
}

/** In one process. */
async function runFiles(
  { root, binary, write, findings }: Surroundings,
  files: readonly string[],
  { env, output, except = [], only = [], onEngines = false }: FilesRun,
): Promise<FilesResult> {
  const scratch = await mkdtemp(join(tmpdir(), "oz-test-"));
  try {
    const outfile = join(scratch, "junit.xml");
    const temporary = onEngines ? null : await makeTemporary(scratch);
    const options = [`--timeout=${TEST_TIMEOUT_MS}`, "--reporter=junit", `--reporter-outfile=${outfile}`];
    const pattern = only.length > 0 ? patternOf(only) : patternWithout(except);
    if (pattern !== null) options.push(`--test-name-pattern=${pattern}`);
    const argv = [process.execPath, "test", ...options, ...files.map((file) => `./${file}`)];
    const ownEnv = { OZ_TEST_BINARY: binary, ...(temporary === null ? {} : { TMPDIR: temporary }) };
    const exitCode = await runChild(argv, { root, env: { ...ownEnv, ...env }, output, write });
    const xml = await Bun.file(outfile)
      .text()
      .catch(() => null);
    const left = temporary === null ? [] : await leftIn(temporary);
    const report = readReport({ xml, exitCode, files });
    for (const problem of report.problems) {
      write(`FAIL  ${problem}\n`);
      findings.failed(problem);
    }
    return { ...report, files, left: exitCode === 0 ? left : [] };
  } finally {
    // What is mounted in it, say: the results count all the same.
    await rm(scratch, { recursive: true, force: true }).catch((error: Error) => {
      write(`note  ${scratch} stays: ${error.message}\n`);
    });
  }
}

function patternWithout(names: readonly string[]): string | null {
  return names.length === 0 ? null : `^(?!${names.map(literal).join("|")})`;
}

/** Where a report puts ` > ` between a test and what it is within, `bun test` has a space. */
function patternOf(names: readonly string[]): string {
  return `^(?:${names.map((name) => literal(name).replaceAll(" > ", "(?: >)? ")).join("|")})$`;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
