/** Root in a container of a pod whose template may forbid it to all that say nothing. */
import type { V1PodSpec, V1SecurityContext } from "@kubernetes/client-node";

/** What fills a sidecar's volume reads files that are root's, so it runs as root. */
export function rootContextOf(template: Partial<V1PodSpec>): V1SecurityContext {
  const root: V1SecurityContext = { runAsUser: 0, runAsGroup: 0 };
  return template.securityContext?.runAsNonRoot === true ? { ...root, runAsNonRoot: false } : root;
}
