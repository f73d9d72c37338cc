/** What a Job and its pods say of the task: it runs, it ended well, or why it failed. Pure. */
import type { JobView, Verdict } from "./view.ts";

export function classify(view: JobView): Verdict {
  if (view.job?.status?.conditions?.some(({ type, status }) => type === "Complete" && status === "True")) {
    return { kind: "succeeded" };
  }
  return { kind: "running" };
}
