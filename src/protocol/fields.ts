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
    const isText = (value: unknown): value is string => typeof value === "string" && !value.includes("\0");
    return this.take(name, (value) => (isText(value) ? value : null)) ?? "";
  }

  /** Cores, gigabytes…: 0 for anything that is not positive. */
  amount(name: string): number {
    return Math.max(0, this.take(name, (value) => (Number.isFinite(value) ? Number(value) : null)) ?? 0);
  }

  /** Seconds, minutes…: a fraction is cut off, 0 for anything that is not positive. */
  whole(name: string): number {
    const isWhole = (value: unknown) => typeof value === "number" && Number.isSafeInteger(Math.trunc(value));
    const value = this.take(name, (raw) => (isWhole(raw) ? Math.trunc(Number(raw)) : null));
    return Math.max(0, value ?? 0);
  }

  flag(name: string): boolean | null {
    return this.take(name, (value) => (typeof value === "boolean" ? value : null));
  }

  /** There and an object. */
  has(name: string): boolean {
    return isObject(this.source[name]);
  }

  record(name: string): JsonObject {
    return this.take(name, (value) => (isObject(value) ? value : null)) ?? {};
  }

  inner(name: string): FieldReader {
    return new FieldReader(this.record(name), this.pathOf(name), this.misread);
  }

  pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  private take<T>(name: string, understand: (value: unknown) => T | null): T | null {
    const value = this.source[name];
    if (value === undefined || value === null) return null;
    const understood = understand(value);
    if (understood === null) this.misread.push(this.pathOf(name));
    return understood;
  }
}
