/** What two dead workers knew of one execution becomes one row of their successor's journal. */
import { describe, expect, test } from "bun:test";
import { openMemoryDatabase } from "../../../src/journal/database.ts";
import { type Handle, LEFT as LEFT_MARK, TAKEN } from "../../../src/journal/execution.ts";
import { mergeRows } from "../../../src/journal/schema.ts";
import { Statements } from "../../../src/journal/statements.ts";

const REF = { taskId: "t", executionId: "e" };

/** `endedAt` null: it ran when its worker died. Both in ms since 1970. */
interface Known {
  readonly claimedAt: number;
  readonly endedAt: number | null;
  /** Its end was somebody else's to report: of an engine, or of another worker. */
  readonly isLeft?: boolean;
  /** Which of them, as far as that is known. */
  readonly mark?: Handle;
}

function journalOf({ claimedAt, endedAt, isLeft = false, mark }: Known) {
  const database = openMemoryDatabase();
  const statements = new Statements(database);
  statements.claim(REF, JSON.stringify({ of: claimedAt }), "claimed", claimedAt);
  const kept = mark === undefined ? null : JSON.stringify(mark);
  if (endedAt !== null) statements.end(REF, isLeft ? null : `ended ${endedAt}`, endedAt, kept);
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

type State = "running" | "reported" | "handed-off" | "left" | "taken";
const STATES: readonly State[] = ["running", "reported", "handed-off", "left", "taken"];

function knownOf(state: State, claimedAt: number, endedAt: number): Known {
  switch (state) {
    case "running":
      return { claimedAt, endedAt: null };
    case "reported":
      return { claimedAt, endedAt };
    case "handed-off":
      return { claimedAt, endedAt, isLeft: true };
    case "left":
      return { claimedAt, endedAt, isLeft: true, mark: LEFT_MARK };
    case "taken":
      return { claimedAt, endedAt, isLeft: true, mark: TAKEN };
    default:
      return state satisfies never;
  }
}

type Which = "former" | "later";

/** By what became of the one that was claimed first, and in which order it ended: which counts, for each state of the later. */
const PAIRS: readonly (readonly [former: State, endedAt: number, counts: Readonly<Record<State, Which>>])[] =
  [
    // What an engine has it has, whoever began before. What is another worker's is perhaps the former one's, which was hidden.
    ["running", 0, { ...all("later"), left: "former", taken: "former" }],
    ["reported", 2_000, all("later")],
    ["reported", 5_000, all("former")],
    ...(["handed-off", "left", "taken"] as const).flatMap((former) =>
      [2_000, 5_000].map((endedAt) => [former, endedAt, all("later")] as const),
    ),
  ];

function all(which: Which): Record<State, Which> {
  return { running: which, reported: which, "handed-off": which, left: which, taken: which };
}

describe.each(PAIRS)(
  "of one that is %s, at %d, and of another that was claimed later",
  (former, at, counts) => {
    test.each(STATES)("the right one counts when that is %s", (state) => {
      const rows = { former: knownOf(former, 1_000, at), later: knownOf(state, 3_000, 4_000) };
      const wanted = journalOf(rows[counts[state]]).statements.find(REF);
      expect(merged(rows.former, rows.later)).toEqual(wanted);
      expect(merged(rows.later, rows.former)).toEqual(wanted);
    });
  },
);

// A take-over that was cut short had left a row in both, and it went on in one.
test.each(STATES)(
  "of two that were claimed at once, one of which runs, the other counts when it is %s",
  (state) => {
    const rows = [knownOf("running", 1_000, 0), knownOf(state, 1_000, 4_000)] as const;
    const wanted = journalOf(rows[1]).statements.find(REF);
    expect([merged(rows[0], rows[1]), merged(rows[1], rows[0])]).toEqual([wanted, wanted]);
  },
);

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
