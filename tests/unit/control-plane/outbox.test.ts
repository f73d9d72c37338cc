import { describe, expect, test } from "bun:test";
import { Outbox, type OutboxFrame } from "../../../src/control-plane/outbox.ts";
import { seededRandom } from "../protocol/seeded-random.ts";

const frame = (seq: number): OutboxFrame => ({ seq, frame: `f${seq}` });

function filled(...seqs: number[]): { outbox: Outbox; delivered: number[] } {
  const delivered: number[] = [];
  const outbox = new Outbox((seq) => delivered.push(seq));
  for (const seq of seqs) outbox.add(frame(seq));
  return { outbox, delivered };
}

function takeAll(outbox: Outbox): number[] {
  const taken: number[] = [];
  for (let next = outbox.takeUnsent(); next !== null; next = outbox.takeUnsent()) taken.push(next.seq);
  return taken;
}

describe("an outbox", () => {
  test("gives each frame once to a connection, oldest first", () => {
    const { outbox } = filled(3, 5, 9);
    expect(outbox.lastSent).toBe(0);
    expect(takeAll(outbox)).toEqual([3, 5, 9]);
    expect(takeAll(outbox)).toEqual([]);
    expect([outbox.size, outbox.lastSent]).toEqual([3, 9]);
    outbox.add(frame(11));
    expect(takeAll(outbox)).toEqual([11]);
  });

  test("gives everything that is not proven to the next connection, before what came later", () => {
    const { outbox } = filled(1, 2, 3);
    takeAll(outbox);
    outbox.prove(1);
    outbox.rewind();
    outbox.add(frame(4));
    expect(outbox.lastSent).toBe(0);
    expect(takeAll(outbox)).toEqual([2, 3, 4]);
  });

  test("forgets what is proven and says up to where", () => {
    const { outbox, delivered } = filled(1, 2, 3);
    takeAll(outbox);
    outbox.prove(2);
    expect([outbox.size, delivered]).toEqual([1, [2]]);
    outbox.prove(2);
    expect(delivered).toEqual([2]);
    outbox.prove(3);
    expect([outbox.size, outbox.lastSent, delivered]).toEqual([0, 0, [2, 3]]);
  });

  test("does not believe a proof of what was not sent", () => {
    const { outbox, delivered } = filled(1, 2);
    outbox.prove(2);
    expect([outbox.size, delivered]).toEqual([2, []]);
    outbox.takeUnsent();
    outbox.prove(2);
    expect(outbox.size).toBe(1);
    expect(takeAll(outbox)).toEqual([2]);
  });

  test("does not believe a proof of what an earlier connection sent", () => {
    const { outbox, delivered } = filled(1, 2);
    takeAll(outbox);
    outbox.rewind();
    outbox.prove(2);
    expect([outbox.size, delivered]).toEqual([2, []]);
  });

  test("knows which words are still to be sent on this connection", () => {
    const { outbox } = filled(1, 2);
    expect(outbox.holdsUnsent("f1")).toBe(true);
    outbox.takeUnsent();
    expect([outbox.holdsUnsent("f1"), outbox.holdsUnsent("f2"), outbox.holdsUnsent("f3")]).toEqual([
      false,
      true,
      false,
    ]);
    outbox.rewind();
    expect(outbox.holdsUnsent("f1")).toBe(true);
  });

  test("tells one listener, the latest, of what comes and what goes", () => {
    const { outbox } = filled();
    const heard: string[] = [];
    outbox.listen(() => heard.push("old"));
    outbox.add(frame(1));
    outbox.listen(() => heard.push("new"));
    outbox.add(frame(2));
    takeAll(outbox);
    outbox.prove(1);
    expect(heard).toEqual(["old", "new", "new"]);
  });
});

test("5,000 random steps lose nothing, send nothing twice on a connection, and keep the order", () => {
  const random = seededRandom(42);
  let nextSeq = 1;
  // The model: what is owed, and how much of it this connection has had.
  let owed: number[] = [];
  let sent = 0;
  const delivered: number[] = [];
  const outbox = new Outbox((seq) => delivered.push(seq));
  for (let step = 0; step < 5_000; step++) {
    const dice = random();
    if (dice < 0.35) {
      nextSeq += 1 + Math.floor(random() * 3);
      outbox.add(frame(nextSeq));
      owed.push(nextSeq);
    } else if (dice < 0.7) {
      expect(outbox.takeUnsent()?.seq ?? null).toBe(owed[sent] ?? null);
      sent = Math.min(sent + 1, owed.length);
    } else if (dice < 0.95) {
      const seq = Math.floor(random() * (nextSeq + 2));
      const before = owed.length;
      owed = owed.filter((held, index) => index >= sent || held > seq);
      sent -= before - owed.length;
      outbox.prove(seq);
    } else {
      outbox.rewind();
      sent = 0;
    }
    expect([outbox.size, outbox.lastSent]).toEqual([owed.length, owed[sent - 1] ?? 0]);
    const some = owed[Math.floor(random() * owed.length)];
    if (some !== undefined) expect(outbox.holdsUnsent(`f${some}`)).toBe(owed.indexOf(some) >= sent);
  }
  expect(delivered.length).toBeGreaterThan(100);
});
