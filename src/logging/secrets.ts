/**
 * What this process knows and must not say. Keys are taken out of everything; values of environments
 * of what varies in a line only, and only while a task that has them runs here: a value may be a word
 * like `production`, and a log in which messages and ids are unreadable helps nobody.
 */
import { partsOf, redactWith } from "./redact.ts";
import { SecretIndex } from "./secret-index.ts";

/** A key that is rotated every hour is still known after four days. */
const KEYS_REMEMBERED = 100;

const NOTHING: Disposable = { [Symbol.dispose]: () => {} };

class Hidden implements Disposable {
  private readonly index: SecretIndex;
  private parts: ReadonlySet<string>;

  constructor(parts: ReadonlySet<string>, index: SecretIndex) {
    this.parts = parts;
    this.index = index;
    for (const part of parts) index.add(part);
  }

  [Symbol.dispose](): void {
    for (const part of this.parts) this.index.remove(part);
    this.parts = new Set();
  }
}

export class Secrets {
  private readonly keys = new SecretIndex();
  private readonly rememberedKeys: string[] = [];
  /** Not taken apart yet: a start has keys to remember, and no line to keep them out of. */
  private readonly unread: string[] = [];
  /** Those of keys too, so that one pass finds both. */
  private readonly all = new SecretIndex();

  /** How many texts are looked for. */
  get size(): number {
    this.readKeys();
    return this.all.size;
  }

  /** What this process was started with and may say at any time: known for good, however many keys come after it. */
  rememberForGood(secret: string): void {
    this.unread.push(secret);
  }

  /** Known from now on; of very many, as rotation brings them, the oldest is forgotten. */
  rememberKey(key: string): void {
    if (this.rememberedKeys.includes(key)) return;
    this.rememberedKeys.push(key);
    this.unread.push(key);
    const oldest = this.rememberedKeys.length > KEYS_REMEMBERED ? this.rememberedKeys.shift() : undefined;
    if (oldest === undefined) return;
    this.readKeys();
    for (const part of partsOf(oldest)) {
      this.keys.remove(part);
      this.all.remove(part);
    }
  }

  /**
   * Known until disposed. A value that is one of `plain` is none of them: an id that is also given as
   * a variable stays readable.
   */
  hide(values: Iterable<string>, plain: readonly string[] = []): Disposable {
    const parts = new Set<string>();
    for (const value of values) {
      if (plain.includes(value.trim())) continue;
      for (const part of partsOf(value)) parts.add(part);
    }
    return parts.size === 0 ? NOTHING : new Hidden(parts, this.all);
  }

  readonly redact = (text: string): string => {
    this.readKeys();
    return redactWith(this.all, text);
  };

  readonly redactKeys = (text: string): string => {
    this.readKeys();
    return redactWith(this.keys, text);
  };

  private readKeys(): void {
    for (const key of this.unread.splice(0)) {
      for (const part of partsOf(key)) {
        this.keys.add(part);
        this.all.add(part);
      }
    }
  }
}
