/** Reads the engine's JSON without trusting it: a field of another type counts as left out. */

export type Fields = Readonly<Record<string, unknown>>;

/** An empty object for what is none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The first of the names that holds a text; podman and older engines spell some differently. */
export function textOf(fields: Fields, ...names: readonly string[]): string {
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string") return value;
  }
  return "";
}

export function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

export function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}

/** Labels and the like: only the entries that hold a text. */
export function textMapOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(fieldsOf(value));
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/**
 * `wanted`: "key" or "key=value", all of which it has. What was asked for in a list call: an engine, or a proxy in front
 * of it, may take no notice of that, and what is not marked as ours is not to be touched.
 */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((one) => {
    const equals = one.indexOf("=");
    return equals < 0 ? one in labels : labels[one.slice(0, equals)] === one.slice(equals + 1);
  });
}
