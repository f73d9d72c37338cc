/**
 * Ends that the far side is not proven to have read. Until it is, it may give the same execution to another worker of
 * this host, for all that it knows of this one's is a link gone silent.
 */
import type { TaskRef } from "./backend.ts";

interface UnprovenEnd {
  readonly seq: number;
  readonly ref: TaskRef;
}

export class UnprovenEnds {
  private readonly onProven: (ref: TaskRef) => void;
  /** Oldest first. */
  private readonly ends: UnprovenEnd[] = [];

  constructor(onProven: (ref: TaskRef) => void) {
    this.onProven = onProven;
  }

  /** `seq` of its report, higher than all before; null: there is none, so nobody waits for it. */
  add(ref: TaskRef, seq: number | null): void {
    if (seq === null) this.onProven(ref);
    else this.ends.push({ seq, ref });
  }

  /** Everything up to `seq` was read. */
  provenUpTo(seq: number): void {
    const next = this.ends.findIndex((end) => end.seq > seq);
    for (const { ref } of this.ends.splice(0, next === -1 ? this.ends.length : next)) this.onProven(ref);
  }
}
