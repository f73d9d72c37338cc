/** Looks into a valibot schema: what is below a key, what a setting says of itself. */
import * as v from "valibot";
import type { SettingInfo } from "./field.ts";

type Entries = Readonly<Record<string, v.GenericSchema>>;

/** A key of a mapping, or an index of a list. */
export type Path = readonly (string | number)[];

/** One setting of the file: where it stands and what it is. */
export interface Setting {
  readonly path: readonly string[];
  /** Without the `optional` around it. */
  readonly schema: v.GenericSchema;
  readonly info: SettingInfo;
  readonly description: string;
  readonly fallback: unknown;
  readonly required: boolean;
}

/** The keys of a mapping whose keys are fixed; null for anything else. */
export function entriesOf(schema: v.GenericSchema): Entries | null {
  const inner = unwrap(schema);
  return inner.type === "strict_object" && "entries" in inner ? (inner.entries as Entries) : null;
}

/** The schema under a key or index; null where the schema has nothing to say. */
export function childOf(schema: v.GenericSchema, key: string | number): v.GenericSchema | null {
  const inner = unwrap(schema);
  if (typeof key === "number") return "item" in inner ? (inner.item as v.GenericSchema) : null;
  if ("entries" in inner && Object.hasOwn(inner.entries as Entries, key)) {
    return (inner.entries as Entries)[key] ?? null;
  }
  return inner.type === "record" && "value" in inner ? (inner.value as v.GenericSchema) : null;
}

/** Empty for what is no setting of its own. */
function infoOf(schema: v.GenericSchema): SettingInfo {
  return v.getMetadata(unwrap(schema));
}

/** Without the `optional` or `nullish` around it, and built where it is lazy. */
export function unwrap(schema: v.GenericSchema): v.GenericSchema {
  const mayBeLeftOut = schema.type === "optional" || schema.type === "nullish";
  const inner = mayBeLeftOut && "wrapped" in schema ? (schema.wrapped as v.GenericSchema) : schema;
  return isLazy(inner) ? inner.getter(undefined) : inner;
}

function isLazy(schema: v.GenericSchema): schema is v.LazySchema<v.GenericSchema> {
  return schema.type === "lazy";
}

/** True when the key at the path, or one above it, is declared secret. */
export function isSecret(schema: v.GenericSchema, path: Path): boolean {
  let at: v.GenericSchema | null = schema;
  for (const key of path) {
    at = childOf(at, key);
    if (at === null) return false;
    if (infoOf(at).secret) return true;
  }
  return false;
}

/** All settings in the order of the schema: each mapping before what is in it. */
export function settingsOf(schema: v.GenericSchema, above: readonly string[] = []): readonly Setting[] {
  const found: Setting[] = [];
  for (const [key, entry] of Object.entries(entriesOf(schema) ?? {})) {
    const setting = settingOf([...above, key], entry);
    found.push(setting, ...settingsOf(setting.schema, setting.path));
  }
  return found;
}

/** `entry`: what its mapping has at the end of the path. */
export function settingOf(path: readonly string[], entry: v.GenericSchema): Setting {
  const schema = unwrap(entry);
  return {
    path,
    schema,
    info: infoOf(schema),
    description: v.getDescription(schema) ?? "",
    fallback: "default" in entry ? entry.default : undefined,
    required: entry.type !== "optional",
  };
}

/** `backend.docker.volumes[1]` */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
    "",
  );
}
