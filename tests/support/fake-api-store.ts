/** The objects of a fake API server: versions, label selectors, merge patches, and who watches them. */

// biome-ignore lint/suspicious/noExplicitAny: objects of the cluster
export type ApiObject = any;

export interface ApiEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly resource: string;
  readonly version: number;
  readonly object: ApiObject;
  /** As it was before, for watches whose selector it has left. */
  readonly before: ApiObject | null;
}

export class Refused extends Error {
  readonly reason: keyof typeof REFUSALS;

  constructor(reason: keyof typeof REFUSALS, message: string) {
    super(message);
    this.reason = reason;
  }

  get status(): number {
    return REFUSALS[this.reason];
  }
}

const REFUSALS = { AlreadyExists: 409, Conflict: 409, Invalid: 422 } as const;

export class FakeApiStore {
  /** All that happened, oldest first, since `compactedAt`. */
  events: ApiEvent[] = [];
  compactedAt = 0;
  version = 1000;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #watchers = new Set<(event: ApiEvent) => void>();

  get(resource: string, name: string): ApiObject | null {
    return this.#objects.get(resource)?.get(name) ?? null;
  }

  list(resource: string, selector = ""): ApiObject[] {
    const all = [...(this.#objects.get(resource)?.values() ?? [])];
    return all.filter((object) => matches(object, selector));
  }

  create(resource: string, object: ApiObject): ApiObject {
    return this.#put("ADDED", resource, this.try(resource, object), null);
  }

  /** What would be created. */
  try(resource: string, object: ApiObject): ApiObject {
    const { name } = object.metadata;
    const wrong = wrongIn(object.metadata);
    if (wrong !== null) throw new Refused("Invalid", `${resource} "${name}" is invalid: ${wrong}`);
    if (this.get(resource, name)) throw new Refused("AlreadyExists", `${resource} "${name}" already exists`);
    return born(object);
  }

  /** RFC 7386; with a resourceVersion or a uid in it, only on that very state of that very object. */
  patch(resource: string, name: string, patch: ApiObject): ApiObject | null {
    const before = this.get(resource, name);
    if (before === null) return null;
    const { resourceVersion, uid } = { ...before.metadata, ...patch.metadata };
    if (resourceVersion !== before.metadata.resourceVersion)
      throw new Refused("Conflict", `${resource} "${name}": the object has been modified`);
    // Real servers call that no conflict, as they do where a deletion names another one.
    if (uid !== before.metadata.uid)
      throw new Refused("Invalid", `${resource} "${name}" is invalid: metadata.uid: field is immutable`);
    return this.#put("MODIFIED", resource, merge(before, patch), before);
  }

  delete(resource: string, name: string): ApiObject | null {
    const object = this.get(resource, name);
    if (object === null) return null;
    this.#objects.get(resource)?.delete(name);
    const gone = stamped(object, ++this.version);
    this.#tell({ type: "DELETED", resource, version: this.version, object: gone, before: object });
    return gone;
  }

  /** As etcd does now and then: what happened before this moment cannot be watched any more. */
  compact(): void {
    this.events = [];
    this.compactedAt = this.version;
  }

  /** As it was so many versions ago, but for `lost` objects that there were none of then: etcd from a backup. */
  restoreBackup(version: number, lost: Readonly<Record<string, readonly string[]>>): void {
    this.version = version;
    this.events = [];
    this.compactedAt = 0;
    for (const [resource, all] of this.#objects) {
      for (const name of lost[resource] ?? []) all.delete(name);
      for (const [name, object] of all) all.set(name, stamped(object, ++this.version));
    }
  }

  /** Changes that are made silently: no watch ever tells of them. */
  quietly(work: () => void): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    work();
    for (const watcher of watchers) this.#watchers.add(watcher);
    this.compact();
  }

  watch(watcher: (event: ApiEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #put(type: "ADDED" | "MODIFIED", resource: string, object: ApiObject, before: ApiObject | null): ApiObject {
    const made = stamped(object, ++this.version);
    const all = this.#objects.get(resource) ?? new Map();
    this.#objects.set(resource, all.set(made.metadata.name, made));
    this.#tell({ type, resource, version: this.version, object: made, before });
    return made;
  }

  #tell(event: ApiEvent): void {
    this.events.push(event);
    for (const watcher of [...this.#watchers]) watcher(event);
  }
}

/** As every time of an object's metadata and status is written. */
export function inSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Null: nothing. */
function wrongIn({ name, labels = {}, annotations = {} }: ApiObject): string | null {
  if (!NAME.test(name)) return `metadata.name: Invalid value: "${name}"`;
  const key = [...Object.keys(labels), ...Object.keys(annotations)].find((one) => !LABEL_KEY.test(one));
  if (key !== undefined) return `metadata: Invalid value: "${key}"`;
  const value = Object.values(labels).find((one) => !LABEL_VALUE.test(String(one)));
  return value === undefined ? null : `metadata.labels: Invalid value: "${value}"`;
}

/** As a watch with that selector would see it; null: not at all. */
export function seenThrough(event: ApiEvent, selector: string): { type: string; object: ApiObject } | null {
  const before = event.before !== null && matches(event.before, selector);
  const now = event.type !== "DELETED" && matches(event.object, selector);
  if (!before && !now) return null;
  const type = before ? (now ? "MODIFIED" : "DELETED") : "ADDED";
  return { type, object: event.object };
}

/** `a=b`, `a` and `!a`, separated by commas. */
function matches(object: ApiObject, selector: string): boolean {
  const labels = object.metadata.labels ?? {};
  return selector
    .split(",")
    .filter((part) => part !== "")
    .every((part) => {
      if (part.startsWith("!")) return labels[part.slice(1)] === undefined;
      const [name = "", value] = part.split("=");
      return value === undefined ? labels[name] !== undefined : labels[name] === value;
    });
}

function stamped(object: ApiObject, version: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
}

function merge(target: ApiObject, patch: ApiObject): ApiObject {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result = typeof target === "object" && target !== null ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

/** As it would be, and is not kept: a dry run. */
export function born(object: ApiObject): ApiObject {
  const creationTimestamp = inSeconds(new Date());
  return { ...object, metadata: { ...object.metadata, uid: crypto.randomUUID(), creationTimestamp } };
}
