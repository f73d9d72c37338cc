/** `HOST:CONTAINER[:ro|rw]`, as the file's `volumes` and the flag `-v` write it. */
import { posix } from "node:path";
import type { VolumeMount } from "./settings.ts";

/** Source without flags, so that it can stand in the JSON Schema too. */
export const VOLUME = "^/[^:]*:/[^:]+(:(ro|rw))?$";
export const VOLUME_RULE =
  "must be HOST:CONTAINER, HOST:CONTAINER:ro or HOST:CONTAINER:rw with absolute paths";

/** What is wrong with the spec, or null. A predicate, as the rules in field.ts are. */
export function volumeProblem(spec: string): string | null {
  const why = reasonAgainst(spec);
  return why === null ? null : `${VOLUME_RULE} (${why})`;
}

function reasonAgainst(spec: string): string | null {
  if (spec.includes("\0")) return "no path holds a NUL character";
  const [host, container, mode, ...rest] = spec.split(":");
  if (container === undefined) return "there is no path in the container";
  if (rest.length > 0) return "there are too many colons";
  if (host === "") return "the host's path is empty";
  if (container === "") return "the container's path is empty";
  if (!host?.startsWith("/")) {
    // The engine would make a volume of that name, and no one asked for an empty one.
    return host?.includes("/") || host?.startsWith(".")
      ? "the host's path is relative"
      : "the host's path is relative, or the name of a volume, which cannot be mounted";
  }
  if (!container.startsWith("/")) return "the container's path is relative";
  if (/^\/+$/.test(posix.normalize(container))) return "the container's root cannot be mounted over";
  if (mode !== undefined && mode !== "ro" && mode !== "rw") return "the mode is neither ro nor rw";
  return null;
}

/** Of a text that has no problem. */
export function parseVolume(spec: string): VolumeMount {
  const [hostPath = "", containerPath = "", mode] = spec.split(":");
  return { spec, hostPath, containerPath, readOnly: mode === "ro" };
}

/** Paths in the container that more than one spec names; an engine refuses each container with such a pair. */
export function repeatedContainerPaths(specs: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { containerPath } of specs.map(parseVolume)) {
    const path = posix.normalize(`${containerPath}/`).slice(0, -1);
    if (seen.has(path)) repeated.add(path);
    seen.add(path);
  }
  return [...repeated];
}
