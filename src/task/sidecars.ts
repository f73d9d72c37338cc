/** Which images' files a task gets beside its own, and where. Pure; the same for every backend that has them. */
import { posix } from "node:path";
import type { Assignment, Sidecar } from "../protocol/assignment.ts";
import { TaskFailure } from "./backend.ts";

/** Where the agent itself is found, whatever the task's image. */
const AGENT_MOUNT_PATH = "/agent";

/**
 * The agent's first, read-only, then the additional ones in their order. Throws a TaskFailure
 * (`sidecar_prep`) that names the one at fault.
 */
export function listSidecars(assignment: Assignment): Sidecar[] {
  const { sidecarImage, additionalSidecars } = assignment;
  const agent: Sidecar = { image: sidecarImage, mountPath: AGENT_MOUNT_PATH, readWrite: false };
  const sidecars = [...(sidecarImage === "" ? [] : [agent]), ...additionalSidecars.map(trimmed)];
  const taken = new Set<string>();
  for (const [index, { image, mountPath }] of sidecars.entries()) {
    // As the assignment counts them, for whoever looks for the entry at fault.
    const at = index - (sidecars.length - additionalSidecars.length);
    const name = at < 0 ? "sidecar_image" : `additional_sidecars[${at}]`;
    if (image === "") throw unusable(name, "it has no image");
    if (mountPath === "") throw unusable(name, "it has no mount path");
    const place = comparable(mountPath);
    if (taken.has(place)) throw unusable(name, `another one is mounted at ${mountPath} already`);
    taken.add(place);
  }
  return sidecars;
}

function trimmed({ image, mountPath, readWrite }: Sidecar): Sidecar {
  return { image: image.trim(), mountPath: mountPath.trim(), readWrite };
}

/** `/agent/`, `//agent`, `/agent/.` and `/x/../agent` are one place. */
function comparable(path: string): string {
  return posix.normalize(`/${path}/`).slice(0, -1);
}

function unusable(name: string, why: string): TaskFailure {
  return new TaskFailure("sidecar_prep", `cannot use the sidecar ${name}: ${why}`);
}
