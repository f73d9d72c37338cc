/**
 * Finds many known texts in a text in one pass: at each place the six characters there are looked
 * up, so what a look costs does not grow with the number of secrets.
 */

/** `1`, `true` and `main` stand in every second line: taking them out would hide nothing. */
export const SHORTEST_SECRET = 6;

export interface Span {
  readonly from: number;
  /** The first character after it. */
  readonly to: number;
}

const FEW = 16;
const FACTOR = 31;
/** FACTOR to the power of SHORTEST_SECRET - 1: what the first of six characters counts for. */
const FIRST_COUNTS = Math.imul(Math.imul(FACTOR, FACTOR), Math.imul(Math.imul(FACTOR, FACTOR), FACTOR));

export class SecretIndex {
  /** By the hash of the first six characters. */
  private readonly byStart = new Map<number, string[]>();
  /** How often each was added and not taken away. */
  private readonly counts = new Map<string, number>();

  get size(): number {
    return this.counts.size;
  }

  add(secret: string): void {
    const count = this.counts.get(secret) ?? 0;
    this.counts.set(secret, count + 1);
    if (count > 0) return;
    const start = hashAt(secret, 0);
    const others = this.byStart.get(start);
    if (others === undefined) this.byStart.set(start, [secret]);
    else others.push(secret);
  }

  remove(secret: string): void {
    const count = this.counts.get(secret) ?? 0;
    if (count > 1) {
      this.counts.set(secret, count - 1);
      return;
    }
    if (!this.counts.delete(secret)) return;
    const start = hashAt(secret, 0);
    const others = this.byStart.get(start)?.filter((other) => other !== secret) ?? [];
    if (others.length === 0) this.byStart.delete(start);
    else this.byStart.set(start, others);
  }

  /** What secrets cover, in order; overlapping ones are one span, so that of none a part is left. */
  find(text: string): Span[] {
    const spans: { from: number; to: number }[] = [];
    if (text.length < SHORTEST_SECRET || this.hasNone(text)) return spans;
    let hash = hashAt(text, 0);
    for (let at = 0; ; at++) {
      const end = this.longestEndAt(text, at, hash);
      if (end > at) {
        const last = spans.at(-1);
        if (last !== undefined && at < last.to) last.to = Math.max(last.to, end);
        else spans.push({ from: at, to: end });
      }
      const next = at + SHORTEST_SECRET;
      if (next >= text.length) return spans;
      const without = hash - Math.imul(text.charCodeAt(at), FIRST_COUNTS);
      hash = (Math.imul(without, FACTOR) + text.charCodeAt(next)) | 0;
    }
  }

  /** Few are looked for one by one: the runtime's own search reads many characters at a time. */
  private hasNone(text: string): boolean {
    if (this.counts.size > FEW) return false;
    for (const secret of this.counts.keys()) if (text.includes(secret)) return false;
    return true;
  }

  private longestEndAt(text: string, at: number, hash: number): number {
    let end = at;
    for (const secret of this.byStart.get(hash) ?? []) {
      if (at + secret.length > end && text.startsWith(secret, at)) end = at + secret.length;
    }
    return end;
  }
}

function hashAt(text: string, at: number): number {
  let hash = 0;
  for (let i = at; i < at + SHORTEST_SECRET; i++) hash = (Math.imul(hash, FACTOR) + text.charCodeAt(i)) | 0;
  return hash;
}
