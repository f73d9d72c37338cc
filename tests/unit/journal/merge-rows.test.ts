/** What two dead workers knew of one execution becomes one row of their successor's journal. */
import { expect, test } from "bun:test";
import { openMemoryDatabase } from "../../../src/journal/database.ts";
import { mergeRows } from "../../../src/journal/schema.ts";
import { Statements } from "../../../src/journal/statements.ts";

const REF = { taskId: "t", executionId: "e" };

/** `endedAt` null: it ran when its worker died. Both in ms since 1970. */
interface Known {
  readonly claimedAt: number;
  readonly endedAt: number | null;
  /** Its end was somebody else's to report. */
  readonly isLeft?: boolean;
}

function journalOf({ claimedAt, endedAt, isLeft = false }: Known) {
  const database = openMemoryDatabase();
  const statements = new Statements(database);
  statements.claim(REF, JSON.stringify({ of: claimedAt }), "claimed", claimedAt);
  if (endedAt !== null) statements.end(REF, isLeft ? null : `ended ${endedAt}`, endedAt);
  return { database, statements };
}

function merged(into: Known, from: Known) {
  const own = journalOf(into);
  const others = journalOf(from);
  mergeRows(others.database, own.database, new Map());
  return own.statements.find(REF);
}

const ENDED = { claimedAt: 1_000, endedAt: 2_000 };
const RUNNING = { claimedAt: 1_000, endedAt: null };
const AGAIN = { claimedAt: 3_000, endedAt: null };
const LEFT = { claimedAt: 1_000, endedAt: 4_000, isLeft: true };

test.each([
  ["own", ENDED, RUNNING],
  ["other's", RUNNING, ENDED],
])("an execution that ended in one of them has ended: in the %s journal", (_which, into, from) => {
  expect(merged(into, from)).toMatchObject({ ended: true, terminal: "ended 2000", handle: null });
});

// Worker A had ended and reported it; B was given it again; both were killed. What B ran was supervised by nobody.
test.each([
  ["own", AGAIN, ENDED],
  ["other's", ENDED, AGAIN],
])("one that was begun anew after that end runs: in the %s journal", (_which, into, from) => {
  expect(merged(into, from)).toMatchObject({
    ended: false,
    terminal: null,
    claimedAt: 3_000,
    handle: { of: 3_000 },
  });
});

// A died with its agent, and B was given it and died alone. By A's row B's agent was a leftover, and was killed.
test.each([
  ["own", AGAIN, RUNNING],
  ["other's", RUNNING, AGAIN],
])("one that both began runs as it was begun last: in the %s journal", (_which, into, from) => {
  expect(merged(into, from)).toMatchObject({ ended: false, claimedAt: 3_000, handle: { of: 3_000 } });
});

// The heir of A left it to B, which had begun it, and then both were killed: what B ran was reported by nobody.
test.each([
  ["own", AGAIN, LEFT],
  ["other's", LEFT, AGAIN],
])("one that was left to whoever had begun it anew runs there: in the %s journal", (_which, into, from) => {
  expect(merged(into, from)).toMatchObject({ ended: false, claimedAt: 3_000, handle: { of: 3_000 } });
});

test.each([
  ["own", LEFT, RUNNING],
  ["other's", RUNNING, LEFT],
])(
  "a row from before it was left to somebody is not taken for a later one: in the %s journal",
  (_which, into, from) => {
    expect(merged(into, from)).toMatchObject({ ended: true, terminal: null });
  },
);

test.each([
  ["own", { ...AGAIN, endedAt: 3_500 }, LEFT],
  ["other's", LEFT, { ...AGAIN, endedAt: 3_500 }],
])("the report of whoever it was left to counts: in the %s journal", (_which, into, from) => {
  expect(merged(into, from)).toMatchObject({ ended: true, terminal: "ended 3500" });
});

test("a cancellation that only the other journal knows of an execution begun anew is kept", () => {
  const own = journalOf(ENDED);
  const others = journalOf(AGAIN);
  others.statements.setCancelled(REF, 4_000);
  mergeRows(others.database, own.database, new Map());
  expect(own.statements.find(REF)).toMatchObject({ ended: false, cancelled: true });
});

test("a row that a take-over cut short left in both is as it went on since", () => {
  const own = journalOf(RUNNING);
  own.statements.saveHandle(REF, JSON.stringify({ since: true }));
  own.statements.setCancelled(REF, 4_000);
  mergeRows(journalOf(RUNNING).database, own.database, new Map());
  expect(own.statements.find(REF)).toMatchObject({ handle: { since: true }, cancelled: true });
});

// What is written after it would be in a transaction that nobody ends, and gone with the process.
test("a take-over that fails half-way leaves none of its rows, and no transaction open", () => {
  const own = openMemoryDatabase();
  const others = journalOf(RUNNING);
  others.database.exec("DROP TABLE outbox");
  expect(() => mergeRows(others.database, own, new Map())).toThrow("outbox");
  expect([own.isTransaction, new Statements(own).find(REF)]).toEqual([false, null]);
});

test("a database is synced as its log is, once it is more than a new one", () => {
  expect(openMemoryDatabase().prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 1 });
});
