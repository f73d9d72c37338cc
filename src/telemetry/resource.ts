/** Who tells all this. */
import type { Labels } from "./catalogue.ts";

export interface ResourceInput {
  readonly version: string;
  readonly workerId: string;
  readonly backend: string;
  /** Of this very process: several may share one worker id. */
  readonly instanceId: string;
  /** The operator's; they win. */
  readonly given: Labels;
}

export function describeWorker(input: ResourceInput): Labels {
  return {
    "service.name": "oz-agent-worker",
    "service.version": input.version,
    "service.instance.id": input.instanceId,
    "worker.id": input.workerId,
    "worker.backend": input.backend,
    ...input.given,
  };
}
