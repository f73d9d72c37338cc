/**
 * Ends that the far side is not proven to have read. Until it is, it may give the same execution to another worker of
 * this host, for all that it knows of this one's is a link gone silent.
 */
import type { ExecutionRef } from "../journal/execution.ts";

export class UnprovenEnds {
  private readonly onProven: (ref: ExecutionRef) => void;
  /** By the number of its report, oldest first. */
  private readonly ends = new Map<number, ExecutionRef>();

  constructor(onProven: (ref: ExecutionRef) => void) {
    this.onProven = onProven;
  }

  /** `seq` of its report, higher than all before; null: there is none, so nobody waits for it. */
  add(ref: ExecutionRef, seq: number | null): void {
    if (seq === null) this.onProven(ref);
    else this.ends.set(seq, ref);
  }

  /** Everything up to `seq` was read. */
  provenUpTo(seq: number): void {
    for (const [of, ref] of this.ends) {
      if (of > seq) break;
      this.ends.delete(of);
      this.onProven(ref);
    }
  }
}
