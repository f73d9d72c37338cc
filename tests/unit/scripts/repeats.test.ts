import { expect, test } from "bun:test";
import { runTests } from "./suite-rig.ts";

const PASSES = 'import { test } from "bun:test"; test("passes", () => {});';
const FAILS = 'import { test } from "bun:test"; test("fails", () => { throw new Error("never right"); });';
/** The first time it finds nothing, and leaves what the second time finds. */
const UNSTEADY = `
import { existsSync, writeFileSync } from "node:fs";
import { test } from "bun:test";
test("passes the second time", () => {
  const before = existsSync("seen");
  writeFileSync("seen", "");
  if (!before) throw new Error("too early");
});`;

test("what fails once and passes by itself leaves the run green, and is told", async () => {
  const { tally, said } = await runTests({ "a.test.ts": PASSES, "b.test.ts": UNSTEADY }, true);
  expect(tally).toEqual({ passed: 2, failed: 0, skipped: 0 });
  expect(said).toBe("UNSTEADY  b.test.ts: passes the second time: too early\n");
});

test("what fails twice is red", async () => {
  const { tally, said } = await runTests(
    { "a.test.ts": PASSES, "b.test.ts": FAILS, "c.test.ts": UNSTEADY },
    true,
  );
  expect(tally).toEqual({ passed: 1, failed: 2, skipped: 0 });
  expect(said).toContain("FAILED    b.test.ts: fails: never right\n");
  expect(said).not.toContain("UNSTEADY");
});

test("what is only skipped the second time has not passed", async () => {
  const skips = UNSTEADY.replace('test("', 'test.skipIf(existsSync("seen"))("');
  const { tally, said } = await runTests({ "a.test.ts": PASSES, "b.test.ts": skips }, true);
  expect(tally).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(said).toContain("FAILED    b.test.ts");
});

// One of fifty in a file on three engines took a minute, and each of the others could fail in its stead.
test("of a file only what failed runs again", async () => {
  const source = `
import { existsSync, writeFileSync } from "node:fs";
import { describe, test } from "bun:test";
test("passes once", () => {
  if (existsSync("seen")) throw new Error("ran again");
});
describe("a > b (c)", () => {
  test("passes the second time", () => {
    const before = existsSync("seen");
    writeFileSync("seen", "");
    if (!before) throw new Error("too early");
  });
});`;
  const { tally, said } = await runTests({ "b.test.ts": source }, true);
  expect(tally).toEqual({ passed: 2, failed: 0, skipped: 0 });
  expect(said).toBe("UNSTEADY  b.test.ts: a > b (c) > passes the second time: too early\n");
});

test("on a developer's machine nothing runs twice", async () => {
  const { tally, said } = await runTests({ "b.test.ts": UNSTEADY }, false);
  expect(tally).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(said).toBe("FAILED    b.test.ts: passes the second time: too early\n");
});

test("many files that fail are not repeated: they have a reason in common", async () => {
  const names = ["a.test.ts", "b.test.ts", "c.test.ts", "d.test.ts"];
  const sources = names.map((name) => [name, UNSTEADY.replaceAll("seen", `${name}-seen`)]);
  const { tally } = await runTests(Object.fromEntries(sources), true);
  expect(tally.failed).toBe(4);
});

// An engine that hung failed all tests that came after it, in more files than are repeated, and would have again.
test("many files that fail are repeated where the reason that they have in common is taken away before", async () => {
  const needs =
    'import { test } from "bun:test"; test("t", () => { if (process.env.ENGINE !== "new") throw new Error("hangs"); });';
  const names = ["a.test.ts", "b.test.ts", "c.test.ts", "d.test.ts"];
  const sources = Object.fromEntries(names.map((name) => [name, needs]));
  const prepare = async () => ({ ENGINE: "new" });
  const renewed = await runTests(sources, true, { repetition: { atMost: 4, prepare } });
  expect(renewed.tally).toEqual({ passed: 4, failed: 0, skipped: 0 });
  expect(renewed.said).toContain("UNSTEADY  a.test.ts: t: hangs\n");
  const tooMany = await runTests(sources, true, { repetition: { atMost: 3, prepare } });
  expect(tooMany.tally.failed).toBe(4);
});

test("a file that runs no test is not excused by a second run", async () => {
  const { tally, said } = await runTests({ "a.test.ts": "export {};", "b.test.ts": UNSTEADY }, true);
  expect(tally.failed).toBe(2);
  expect(said).toContain("without a report");
});

test("whoever waits for the last of them to begin is told once", async () => {
  let told = 0;
  const lastBegun = () => {
    told += 1;
  };
  const names = ["a.test.ts", "b.test.ts", "c.test.ts"];
  await runTests(Object.fromEntries(names.map((name) => [name, PASSES])), false, { lastBegun });
  expect(told).toBe(1);
});

test("of many files each is run once, by whichever process is free", async () => {
  const names = Array.from({ length: 11 }, (_, i) => `${String.fromCharCode(97 + i)}.test.ts`);
  const { tally } = await runTests(Object.fromEntries(names.map((name) => [name, PASSES])), false);
  expect(tally).toEqual({ passed: 11, failed: 0, skipped: 0 });
});
