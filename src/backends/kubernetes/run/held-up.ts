/**
 * Notices that a Job goes on although its agent has ended well: an ordinary container beside it, as a mesh
 * injects one, never ends by itself, and the task was waited for without a word.
 */
import type { V1Pod } from "@kubernetes/client-node";
import type { Logger } from "../../../logging/logger.ts";
import { containersOf, exitStatusOf, hasEnded } from "../verdict/containers.ts";

/** Longer than what writes its last files, or sends its last lines, when the agent has ended. */
const PATIENCE_MS = 5 * 60_000;

const HINT =
  "the task is reported when its Job ends. Have what is injected as a native sidecar (an init container with restartPolicy Always), keep it out of the pods by the label or annotation that its injector heeds (extra_labels, extra_annotations), or limit the Job (active_deadline_seconds)";

export class HeldUp {
  private readonly job: string;
  private readonly log: Logger;
  /** By performance.now, since when this worker sees it; null: it is not so. */
  private since: number | null = null;
  private told = false;

  constructor(job: string, log: Logger) {
    this.job = job;
    this.log = log;
  }

  /** Tells it when it is time, and once. After how many ms to look again without any news; null: not at all. */
  look(pods: readonly V1Pod[]): number | null {
    const pod = pods.find((one) => holdersOf(one).length > 0);
    if (pod === undefined) this.since = null;
    if (pod === undefined || this.told) return null;
    this.since ??= performance.now();
    const leftMs = this.since + PATIENCE_MS - performance.now();
    if (leftMs > 0) return leftMs;
    this.told = true;
    this.log.warn("the agent has ended, and another container keeps its Job running", {
      job: this.job,
      pod: pod.metadata?.name,
      containers: holdersOf(pod).join(", "),
      hint: HINT,
    });
    return null;
  }
}

/** The containers that still run in a pod whose agent has ended well. */
function holdersOf(pod: V1Pod): readonly string[] {
  if (hasEnded(pod) || pod.metadata?.deletionTimestamp !== undefined) return [];
  const containers = containersOf(pod);
  const agent = containers.find(({ role }) => role === "task")?.state.terminated;
  if (agent === undefined || exitStatusOf(agent) !== 0) return [];
  return containers.flatMap(({ name, role, state }) => (role === "beside" && state.running ? [name] : []));
}
