import { describe, expect, test } from "bun:test";
import { testHonesty, waits } from "../../../scripts/check/waits.ts";
import { findingsOf } from "./snippet.ts";

// Spelled in pieces where the gate would otherwise find them in this file's own syntax.
const SLEEPS = [
  "await Bun.sleep(10);",
  "Bun.sleepSync(10);",
  "await sleep(10);",
  "await delay(10);",
  "await new Promise((resolve) => setTimeout(resolve, 10));",
  "await new Promise<void>((done) => { setTimeout(() => done(), 10); });",
  "await new Promise(function (r) { setTimeout(r, 10); });",
  `import { setTimeout as wait } from "node:timers/promises";`,
];

const NO_SLEEPS = [
  "const timer = setTimeout(() => reject(new Error()), 10);",
  "await new Promise((resolve, reject) => { setTimeout(reject, 10); emitter.once('x', resolve); });",
  "await new Promise((resolve) => emitter.once('x', resolve));",
  "// await sleep(10);",
];

describe("waits", () => {
  test.each(SLEEPS)("a test may not: %s", async (text) => {
    expect((await findingsOf(waits, { "tests/a.test.ts": text })).length).toBeGreaterThan(0);
  });

  test.each(SLEEPS)("a reason on the line or above it excuses: %s", async (text) => {
    expect(await findingsOf(waits, { "tests/a.test.ts": `${text} // waits: no event exists` })).toEqual([]);
    expect(await findingsOf(waits, { "tests/a.test.ts": `// waits: no event exists\n${text}` })).toEqual([]);
  });

  test("an empty reason excuses nothing", async () => {
    expect(await findingsOf(waits, { "tests/a.test.ts": `${SLEEPS[0]} // waits:` })).toHaveLength(1);
  });

  test.each(NO_SLEEPS)("a test may: %s", async (text) => {
    expect(await findingsOf(waits, { "tests/a.test.ts": text })).toEqual([]);
  });

  test("src/ waits through src/async only", async () => {
    const text = "await new Promise((resolve) => setTimeout(resolve, 10));";
    expect(await findingsOf(waits, { "src/task/run.ts": text })).toHaveLength(1);
    expect(await findingsOf(waits, { "src/async/wait.ts": text })).toEqual([]);
    expect(await findingsOf(waits, { "src/task/run.ts": "await sleep(10, signal);" })).toEqual([]);
  });
});

describe("test-honesty", () => {
  test.each([`mock.module("x", f);`, `test.only("x", f);`, `describe.only("x", f);`])(
    "no %s",
    async (text) => {
      expect(await findingsOf(testHonesty, { "tests/a.test.ts": text })).toHaveLength(1);
    },
  );

  test.each(["mock(f);", `test.skipIf(x)("y", f);`, "options.only;"])("%s is fine", async (text) => {
    expect(await findingsOf(testHonesty, { "tests/a.test.ts": text })).toEqual([]);
  });
});
