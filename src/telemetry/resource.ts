/** Who tells all this. */
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";

export interface ResourceInput {
  readonly version: string;
  readonly workerId: string;
  readonly backend: string;
  /** Of this very process: several may share one worker id. */
  readonly instanceId: string;
  /** The operator's; they win. */
  readonly given: Readonly<Record<string, string>>;
}

export function describeWorker(input: ResourceInput): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      "service.name": "oz-agent-worker",
      "service.version": input.version,
      "service.instance.id": input.instanceId,
      "worker.id": input.workerId,
      "worker.backend": input.backend,
      ...input.given,
    }),
  );
}
