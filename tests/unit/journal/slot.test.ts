import { expect, test } from "bun:test";
import { basename, dirname } from "node:path";
import { openJournal } from "../../../src/journal/open.ts";
import { workerStateDir } from "../../../src/journal/path-component.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { recordLog } from "../logging/recorded-log.ts";

test.each([
  ["worker-1", "worker-1"],
  ["a/b", "a%2Fb"],
  ["../../etc", "%2E.%2F..%2Fetc"],
  [".", "%2E"],
  ["..", "%2E."],
  [".hidden", "%2Ehidden"],
  ["a.b", "a.b"],
  ["a b\nc\u0000", "a%20b%0Ac%00"],
  ["ü", "%C3%BC"],
  ["%2E", "%252E"],
  // Of a long one the beginning, and what it is told from others by: never another, or no version finds what one before it left.
  ["/".repeat(80), `${"%2F".repeat(61)}-01dfdc8403e76ba3`],
])("the worker id %j has the folder %s", (workerId, name) => {
  expect(workerStateDir("/state", workerId)).toBe(`/state/${name}`);
});

test("any id is one folder right below the state folder, short enough for a file system, and its own", () => {
  const ids = [
    "x".repeat(500),
    `${"x".repeat(499)}y`,
    "/".repeat(500),
    "😀".repeat(125),
    ".".repeat(300),
    "x".repeat(201),
  ];
  const folders = ids.map((id) => workerStateDir("/state", id));
  for (const folder of folders) {
    expect(dirname(folder)).toBe("/state");
    expect(basename(folder).length).toBeLessThanOrEqual(200);
    expect([".", ".."]).not.toContain(basename(folder));
  }
  expect(new Set(folders).size).toBe(ids.length);
});

test.each(["../up", "a/b", "..", "x".repeat(500), "😀 'quoted'; --"])(
  "the journal of worker %p opens on disk",
  async (workerId) => {
    await using dir = await TempDir.create("journal");
    const log = recordLog();
    using state = openJournal(dir.path, workerId, log);
    expect(state.journal.durable).toBe(true);
    expect(state.sizeBytes()).toBeGreaterThan(0);
    expect(state.folders?.exitsDir).toStartWith(`${dir.path}/`);
    expect(log.said()).toEqual([]);
  },
);

// Once: encodeURIComponent throws on half a surrogate pair, outside the guard of "never throws".
test("a worker id that is no proper text does not keep the journal from opening", async () => {
  await using dir = await TempDir.create("journal");
  using state = openJournal(dir.path, "\ud800", recordLog());
  expect(state.journal).toBeDefined();
});
