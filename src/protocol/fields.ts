/**
 * Lenient reading of somebody else's JSON: a field that is absent or null takes its default; one of
 * the wrong shape takes it too and is noted by path, so that the log can say what was not understood.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export class FieldReader {
  private readonly source: JsonObject;
  private readonly path: string;
  /** Paths that were there and were not understood; shared with the readers of inner objects. */
  readonly misread: string[];

  constructor(source: JsonObject, path = "", misread: string[] = []) {
    this.source = source;
    this.path = path;
    this.misread = misread;
  }

  /** Trimmed. */
  text(name: string): string {
    return this.exact(name).trim();
  }

  /** As it came. A NUL character, which no argv and no environment can hold, is not understood. */
  exact(name: string): string {
    return this.take(name, isText) ?? "";
  }

  /** Cores, gigabytes…: 0 for anything that is not positive. */
  amount(name: string): number {
    return Math.max(0, this.take(name, isFiniteNumber) ?? 0);
  }

  /** Seconds, minutes…: a fraction is cut off, 0 for anything that is not positive. */
  whole(name: string): number {
    return Math.max(0, Math.trunc(this.take(name, isWhole) ?? 0));
  }

  flag(name: string): boolean | null {
    return this.take(name, isBoolean);
  }

  /** There and an object. */
  has(name: string): boolean {
    return isObject(this.source[name]);
  }

  record(name: string): JsonObject {
    return this.take(name, isObject) ?? {};
  }

  /** One that is written as JSON again. */
  writable(name: string): JsonObject {
    return this.take(name, isWritable) ?? {};
  }

  inner(name: string): FieldReader {
    return new FieldReader(this.record(name), this.pathOf(name), this.misread);
  }

  pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  private take<T>(name: string, isUnderstood: (value: unknown) => value is T): T | null {
    const value = this.source[name];
    if (value === undefined || value === null) return null;
    if (isUnderstood(value)) return value;
    this.misread.push(this.pathOf(name));
    return null;
  }
}

/**
 * JSON.stringify compares each object with all those around it: it takes seconds for ten thousands of levels, in which
 * nothing else is done, and has no stack for more. No agent reads so many: most parsers stop at some hundred.
 */
const MOST_LEVELS = 1_000;

function isWritable(value: unknown): value is JsonObject {
  return isObject(value) && isWithin(value, MOST_LEVELS);
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isWithin(inner, levels - 1));
}

function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value);
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(Math.trunc(value));
}

function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}
