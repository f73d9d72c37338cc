import { describe, expect, test } from "bun:test";
import { readReport } from "../../../scripts/suite/junit.ts";
import { isGreen, NOTHING, renderTally, sum } from "../../../scripts/suite/tally.ts";

function report(totals: string, ...files: string[]): string {
  const suites = files.map(
    (file) => `<testsuite name="${file}" file="${file}" tests="1" failures="9"></testsuite>`,
  );
  return `<?xml version="1.0"?>\n<testsuites name="bun test" ${totals} time="0.5">\n${suites.join("\n")}\n</testsuites>`;
}

/** As `bun test` writes it for one file: a suite for each group, within the one of the file. */
function readSuites(...lines: readonly string[]) {
  const xml = [
    '<testsuites name="bun test" tests="4" failures="2" skipped="1">',
    '<testsuite name="a.test.ts" file="a.test.ts" tests="4">',
    ...lines,
    "</testsuite></testsuites>",
  ].join("\n");
  return readReport({ xml, exitCode: 1, files: ["a.test.ts"] });
}

const A = "tests/unit/a.test.ts";
const B = "tests/unit/b.test.ts";

describe("readReport", () => {
  test("counts come from the totals", () => {
    const xml = report(`tests="10" assertions="30" failures="2" skipped="3"`, A);
    const { tally, problems } = readReport({ xml, exitCode: 1, files: [A] });
    expect(tally).toEqual({ passed: 5, failed: 2, skipped: 3 });
    expect(problems).toEqual([]);
  });

  // `bun test` ends with status 0 and writes nothing when a test calls process.exit(0).
  test("a run without a report is a failure, whatever its status", () => {
    const { tally } = readReport({ xml: null, exitCode: 0, files: [A] });
    expect(tally).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  test("a file that is not in the report is a failure", () => {
    const xml = report(`tests="1" failures="0" skipped="0"`, A);
    const { tally, problems } = readReport({ xml, exitCode: 1, files: [A, B] });
    expect(tally).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(problems).toEqual([`${B} ran no test`]);
  });

  test("what failed is told by its names, outermost first, and by the first words of why", () => {
    const failure = '<failure type="Error" message="boom&#10;line 2 &quot;q&quot;">Error: boom</failure>';
    const { failures } = readSuites(
      '<testcase name="ok" classname="" time="0" file="a.test.ts" line="1" />',
      '<testsuite name="a &amp; b" file="a.test.ts" line="1" tests="2">',
      '<testcase name="s" classname="a" time="0" file="a.test.ts" line="2">\n  <skipped />\n</testcase>',
      '<testsuite name="in" file="a.test.ts" line="2" tests="1">',
      '<testcase name="deep &lt;1&gt;" classname="in &gt; a &amp; b" time="0" file="a.test.ts" line="2">',
      `  ${failure}\n</testcase>`,
      "</testsuite>",
      "</testsuite>",
      '<testcase name="top" classname="" time="0" file="a.test.ts" line="3">\n<failure type="Error" /></testcase>',
    );
    expect(failures).toEqual([
      { file: "a.test.ts", name: "a & b > in > deep <1>", message: 'boom line 2 "q"' },
      { file: "a.test.ts", name: "top", message: "" },
    ]);
  });

  // The parts of such a name were taken for groups within each other, and told in reverse.
  test("a group whose name has an arrow in it is told by its name", () => {
    const { failures, passed } = readSuites(
      '<testsuite name="config &gt; file" file="a.test.ts" line="1" tests="3">',
      '<testsuite name="c &gt; d" file="a.test.ts" line="2" tests="1">',
      '<testcase name="t &gt; u" classname="c &gt; d &gt; config &gt; file" time="0" file="a.test.ts" line="2">',
      '  <failure type="Error" message="boom" />\n</testcase>',
      "</testsuite>",
      '<testcase name="good" classname="config &gt; file" time="0" file="a.test.ts" line="3" />',
      '<testcase name="none" classname="config &gt; file" time="0" file="a.test.ts" line="4"><skipped /></testcase>',
      "</testsuite>",
    );
    expect(failures).toEqual([{ file: "a.test.ts", name: "config > file > c > d > t > u", message: "boom" }]);
    const named = (name: string) => passed({ file: "a.test.ts", name });
    expect(["good", "none", "c > d > t > u"].map((name) => named(`config > file > ${name}`))).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("a status that no failed test explains is a failure", () => {
    const xml = report(`tests="1" failures="0" skipped="0"`, A);
    expect(readReport({ xml, exitCode: 137, files: [A] }).tally.failed).toBe(1);
  });
});

describe("tally", () => {
  test.each([
    [{ passed: 412, failed: 0, skipped: 0 }, "412 passed, 0 failed"],
    [{ passed: 1, failed: 2, skipped: 3 }, "1 passed, 2 failed, 3 skipped"],
  ])("%j reads as %s", (tally, line) => {
    expect(renderTally(tally)).toBe(line);
  });

  test("parts add up", () => {
    const part = { passed: 1, failed: 2, skipped: 3 };
    expect(sum([part, NOTHING, part])).toEqual({ passed: 2, failed: 4, skipped: 6 });
  });

  test.each([
    [{ passed: 1, failed: 0, skipped: 5 }, true],
    [{ passed: 9, failed: 1, skipped: 0 }, false],
    [{ passed: 0, failed: 0, skipped: 5 }, false],
  ])("%j is green: %j", (tally, green) => {
    expect(isGreen(tally)).toBe(green);
  });
});
