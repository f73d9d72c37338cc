/** What a JUnit report of `bun test` says, and whether it is the whole truth. */
import { NOTHING, type Tally } from "./tally.ts";

export interface Report {
  readonly tally: Tally;
  /** What the numbers of the report do not tell; each counts as a failed test. */
  readonly problems: readonly string[];
}

export interface Run {
  /** Null: there is none. */
  readonly xml: string | null;
  readonly exitCode: number;
  /** Paths of the test files that were to be run, as the report writes them. */
  readonly files: readonly string[];
}

/**
 * A test that calls process.exit(0) ends `bun test` with status 0 and no report, a file that throws
 * when it is imported is missing in the report, and so is one without a test: none of these may pass.
 */
export function readReport({ xml, exitCode, files }: Run): Report {
  if (xml === null) {
    return judge(NOTHING, [`bun test ended with status ${exitCode} and without a report`]);
  }
  const tally = readTotals(xml);
  const reported = new Set([...xml.matchAll(/<testsuite [^>]*?\bfile="([^"]*)"/g)].map(([, file]) => file));
  const problems = files.filter((file) => !reported.has(file)).map((file) => `${file} ran no test`);
  if (exitCode !== 0 && tally.failed === 0 && problems.length === 0) {
    problems.push(`bun test ended with status ${exitCode} although no test failed`);
  }
  return judge(tally, problems);
}

function readTotals(xml: string): Tally {
  const [totals = ""] = /<testsuites [^>]*>/.exec(xml) ?? [];
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(totals)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

function judge(tally: Tally, problems: readonly string[]): Report {
  return { tally: { ...tally, failed: tally.failed + problems.length }, problems };
}
