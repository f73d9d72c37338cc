/**
 * The parts of the operator's pod template that the worker adds to. The file's schema has made sure that
 * they have the shape read here; all else is the API server's to check.
 */
import type { V1Container, V1PodSpec, V1Volume } from "@kubernetes/client-node";
import type { JsonObject } from "../../../config/settings.ts";

export const TASK_CONTAINER = "task";

export interface PodTemplate {
  /** As it stands in the file. */
  readonly fields: Partial<V1PodSpec>;
  readonly containers: readonly V1Container[];
  readonly initContainers: readonly V1Container[];
  readonly volumes: readonly V1Volume[];
  /** What the template says of the container that the worker fills in. */
  readonly task: Partial<V1Container>;
}

export function readPodTemplate(template: JsonObject | null): PodTemplate {
  const fields: Partial<V1PodSpec> = template ?? {};
  const containers = fields.containers ?? [];
  return {
    fields,
    containers,
    initContainers: fields.initContainers ?? [],
    volumes: fields.volumes ?? [],
    task: containers.find(({ name }) => name === TASK_CONTAINER) ?? {},
  };
}
