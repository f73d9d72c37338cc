/**
 * Which of two states of an object is the later one. Resource versions of one resource are decimal
 * numbers that grow (KEP-5504 makes official what etcd has always done).
 */
import type { V1ObjectMeta } from "@kubernetes/client-node";

interface Versioned {
  readonly metadata?: V1ObjectMeta;
}

/** Against another state of it, a version, or nothing. Another object of the same name always counts. */
export function isNewer(one: Versioned, other: Versioned | string | null): boolean {
  if (other === null) return true;
  if (typeof other === "string") return isLater(one.metadata?.resourceVersion ?? "", other);
  if (one.metadata?.uid !== other.metadata?.uid) return true;
  const versions = [one, other].map(({ metadata }) => metadata?.resourceVersion ?? "");
  // Of a server that gives none: what was heard last.
  if (versions.includes("")) return true;
  return isLater(versions[0] ?? "", versions[1] ?? "");
}

/** Without big numbers: of two decimal numbers the longer one is larger. */
export function isLater(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}
