/** What becomes of the Job of a task that has failed: it may go on when that verdict is in. */
import type { FailureReason } from "../../../protocol/failure-reason.ts";
import { isSuspended } from "../verdict/job-condition.ts";
import type { JobStore } from "../watch/job-store.ts";
import type { FailedEnd } from "./follow-job.ts";
import type { Retiree } from "./retirement.ts";

/** By itself or by the cluster. For any other reason it may still begin. */
const AGENT_HAS_ENDED: ReadonlySet<FailureReason> = new Set<FailureReason>([
  "container_exit",
  "container_oom",
  "init_container",
  "evicted",
  "active_deadline",
]);

export interface FailedJob extends FailedEnd {
  readonly name: string;
  /** Whether nothing is to stay that need not. */
  readonly cleanup: boolean;
}

export function fateOf(
  { name, failure: { reason }, mayBegin, cleanup }: FailedJob,
  store: Pick<JobStore, "job" | "hasFinished">,
): Retiree["what"] {
  if (store.hasFinished(name)) return "mark";
  const hasEnded = AGENT_HAS_ENDED.has(reason);
  const known = store.job(name);
  // Its pod is gone with its logs, and whoever suspended it means to have it run again, or has it run again already.
  const runsAgain = (hasEnded && mayBegin) || (known !== null && isSuspended(known));
  if (runsAgain) return cleanup ? "delete" : "end";
  return hasEnded ? "settle" : "end";
}
