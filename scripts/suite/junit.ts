/** What a JUnit report of `bun test` says, and whether it is the whole truth. */
import { NOTHING, type Tally } from "./tally.ts";

export interface Report {
  readonly tally: Tally;
  readonly failures: readonly Failure[];
  /** Whether this one ran, and passed. */
  passed(test: Pick<Failure, "file" | "name">): boolean;
  /** What the numbers of the report do not tell; each counts as a failed test. */
  readonly problems: readonly string[];
}

export interface Failure {
  readonly file: string;
  /** As `bun test` prints it: what it is within, outermost first, and the test. */
  readonly name: string;
  /** The first words of what went wrong. */
  readonly message: string;
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
    return judge(NOTHING, null, [`bun test ended with status ${exitCode} and without a report`]);
  }
  const tally = readTotals(xml);
  const reported = new Set([...xml.matchAll(/<testsuite [^>]*?\bfile="([^"]*)"/g)].map(([, file]) => file));
  const problems = files.filter((file) => !reported.has(file)).map((file) => `${file} ran no test`);
  if (exitCode !== 0 && tally.failed === 0 && problems.length === 0) {
    problems.push(`bun test ended with status ${exitCode} although no test failed`);
  }
  return judge(tally, xml, problems);
}

/** Without anything inside: neither a failure nor a word of being skipped. */
const PASSED = /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?\bfile="([^"]*)"[^>]*?\/>/g;

function readPassed(xml: string): Set<string> {
  return new Set(
    [...xml.matchAll(PASSED)].map(([, name, within, file]) => `${file}\n${fullName(within, name)}`),
  );
}

function fullName(within = "", name = ""): string {
  return [...plain(within).split(" > ").filter(Boolean).reverse(), plain(name)].join(" > ");
}

const FAILED =
  /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?\bfile="([^"]*)"[^>]*>\s*<(?:failure|error)\b([^>]*)/g;

function readFailures(xml: string): Failure[] {
  return [...xml.matchAll(FAILED)].map(([, name = "", within = "", file = "", said = ""]) => ({
    file,
    name: fullName(within, name),
    message: plain(/\bmessage="([^"]*)"/.exec(said)?.[1] ?? "")
      .trim()
      .replaceAll(/\s+/g, " ")
      .slice(0, MESSAGE_LENGTH),
  }));
}

const MESSAGE_LENGTH = 300;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function plain(text: string): string {
  return text.replaceAll(/&(?:#(\d+)|(\w+));/g, (whole, code, entity) =>
    code === undefined ? (ENTITIES[entity] ?? whole) : String.fromCodePoint(Number(code)),
  );
}

function readTotals(xml: string): Tally {
  const [totals = ""] = /<testsuites [^>]*>/.exec(xml) ?? [];
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(totals)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

function judge(tally: Tally, xml: string | null, problems: readonly string[]): Report {
  const passed = readPassed(xml ?? "");
  return {
    tally: { ...tally, failed: tally.failed + problems.length },
    failures: readFailures(xml ?? ""),
    passed: ({ file, name }) => passed.has(`${file}\n${name}`),
    problems,
  };
}
