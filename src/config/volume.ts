/** `HOST:CONTAINER[:ro|rw]`, as the file's `volumes` and the flag `-v` write it. */
import type { VolumeMount } from "./settings.ts";

/** Source without flags, so that it can stand in the JSON Schema too. */
export const VOLUME = "^/[^:]*:/[^:]+(:(ro|rw))?$";
export const VOLUME_RULE =
  "must be HOST:CONTAINER, HOST:CONTAINER:ro or HOST:CONTAINER:rw with absolute paths";

/** Of a text that matches VOLUME. */
export function parseVolume(spec: string): VolumeMount {
  const [hostPath = "", containerPath = "", mode] = spec.split(":");
  return { hostPath, containerPath, readOnly: mode === "ro" };
}
