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

interface Case {
  readonly file: string;
  readonly name: string;
  /** Empty: it passed; otherwise what went wrong, or that it was skipped. */
  readonly inside: string;
}

const TAG = /<testsuite\b([^>]*?)(\/?)>|<\/testsuite>|<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/** By the suites that they are in: what `classname` has of those could be cut in more than one way. */
function readCases(xml: string): Case[] {
  const cases: Case[] = [];
  const suites: string[] = [];
  for (const [tag, suite, closed, test, inside = ""] of xml.matchAll(TAG)) {
    if (test !== undefined) {
      // The outermost is the file.
      const name = [...suites.slice(1), attribute(test, "name")].join(" > ");
      cases.push({ file: attribute(test, "file"), name, inside: inside.trim() });
    } else if (suite === undefined) suites.pop();
    else if (closed === "") suites.push(attribute(tag, "name"));
  }
  return cases;
}

function attribute(tag: string, name: string): string {
  return plain(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

const FAILED = /^<(?:failure|error)\b([^>]*)/;

function readFailures(cases: readonly Case[]): Failure[] {
  return cases.flatMap(({ file, name, inside }) => {
    const said = FAILED.exec(inside)?.[1];
    if (said === undefined) return [];
    const message = attribute(said, "message").trim().replaceAll(/\s+/g, " ").slice(0, MESSAGE_LENGTH);
    return [{ file, name, message }];
  });
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
  const cases = readCases(xml ?? "");
  return {
    tally: { ...tally, failed: tally.failed + problems.length },
    failures: readFailures(cases),
    passed: (test) =>
      cases.some(({ file, name, inside }) => file === test.file && name === test.name && inside === ""),
    problems,
  };
}
