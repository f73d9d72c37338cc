/** Which images a task wants mounted, and where. Pure. */
import type { Assignment, Sidecar } from "../protocol/assignment.ts";
import { TaskFailure } from "./backend.ts";

export const AGENT_MOUNT_PATH = "/agent";

/** The agent's own first. Throws TaskFailure `sidecar_prep` for one that cannot be mounted. */
export function listSidecars(assignment: Assignment): Sidecar[] {
  const agent = { image: assignment.sidecarImage, mountPath: AGENT_MOUNT_PATH, readWrite: false };
  const sidecars = [
    ...(assignment.sidecarImage === "" ? [] : [agent]),
    ...assignment.additionalSidecars.map((sidecar) => ({
      ...sidecar,
      image: sidecar.image.trim(),
      mountPath: mountPathOf(sidecar.mountPath),
    })),
  ];
  const taken = new Set<string>();
  for (const { image, mountPath } of sidecars) {
    if (image === "") throw unusable(`the sidecar for "${mountPath}" names no image`);
    if (mountPath === "") throw unusable(`the sidecar "${image}" names no mount path`);
    if (taken.has(mountPath)) throw unusable(`two sidecars want to be mounted at "${mountPath}"`);
    taken.add(mountPath);
  }
  return sidecars;
}

/** Without what does not change where it leads, so that two ways to write one path are one. */
function mountPathOf(path: string): string {
  const short = path.trim().replace(/\/{2,}/g, "/");
  return short.length > 1 ? short.replace(/\/$/, "") : short;
}

function unusable(why: string): TaskFailure {
  return new TaskFailure("sidecar_prep", `Cannot prepare the task's sidecars: ${why}`);
}
