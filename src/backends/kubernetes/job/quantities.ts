/** An instance shape as quantities, written as the API server would write them. */
import type { V1ResourceRequirements } from "@kubernetes/client-node";
import type { InstanceShape } from "../../../protocol/assignment.ts";

const MI = 2 ** 20;

/** The shape on each positive axis, as request and limit; everything else stays the template's. */
export function shapedResources(
  shape: InstanceShape,
  template: V1ResourceRequirements | undefined,
): V1ResourceRequirements | undefined {
  const amounts = {
    ...(shape.vcpus > 0 ? { cpu: cpuQuantity(shape.vcpus) } : {}),
    ...(shape.memoryGb > 0 ? { memory: memoryQuantity(shape.memoryGb) } : {}),
  };
  if (Object.keys(amounts).length === 0) return template;
  return {
    ...template,
    requests: { ...template?.requests, ...amounts },
    limits: { ...template?.limits, ...amounts },
  };
}

function cpuQuantity(cores: number): string {
  return Number.isInteger(cores) ? String(cores) : `${Math.max(1, Math.round(cores * 1000))}m`;
}

function memoryQuantity(gi: number): string {
  if (Number.isInteger(gi)) return `${gi}Gi`;
  const bytes = Math.ceil(gi * 1024 * MI);
  return bytes % MI === 0 ? `${bytes / MI}Mi` : String(bytes);
}
