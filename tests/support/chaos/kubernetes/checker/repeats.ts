/** When docs/kubernetes.md lets an execution be begun anew: one that the control plane gave to a second worker. */
import type { Violation } from "../../checker/conversation.ts";
import type { Said } from "../../history.ts";
import type { ClusterStory, ClusterTelling } from "./stories.ts";

/**
 * "Cancelling, stopping, restarting": "A worker that was given the task too, and reaches the cluster only after that, tells the
 * end of a failed one again, for its Job is still there. One that ended well, was stopped or never began it runs once more:
 * nothing in the cluster tells of that."
 */
export function mayRunOnceMore({ wasGivenAway, ends, interfered }: ClusterStory): boolean {
  const [first] = ends;
  return wasGivenAway && (first === undefined || !staysInCluster(first) || interfered.length > 0);
}

function staysInCluster({ reason }: Said): boolean {
  return reason === "container_exit";
}

/** Told by two workers that looked at its Job at two times, a failure has the pod's phase of each of them. */
export function checkRepeatedEnds({ stories }: ClusterTelling): Violation[] {
  return stories
    .filter((story) => story.wasGivenAway && !mayRunOnceMore(story))
    .flatMap(({ taskId, ends }) => {
      const statuses = new Set(ends.map(({ type, reason, exitCode }) => `${type} ${reason} ${exitCode}`));
      if (statuses.size <= 1) return [];
      const what = [...new Set(ends.map(({ words }) => words))].join(" and ");
      return [{ rule: "one-end", taskId, what }];
    });
}
