/** Several who watch the tasks, as one. */
import type { TaskObserver, TaskTrail } from "../task/observer.ts";

export function allOf(observers: readonly TaskObserver[]): TaskObserver {
  const [only] = observers;
  if (only !== undefined && observers.length === 1) return only;
  return {
    assigned: (assignment) => trailOf(observers.map((each) => each.assigned(assignment))),
    takenOver: (ref) => trailOf(observers.map((each) => each.takenOver(ref))),
    unreadable: (taskId, why) => {
      for (const each of observers) each.unreadable(taskId, why);
    },
    cancelFailed: (ref, reason, why) => {
      for (const each of observers) each.cancelFailed(ref, reason, why);
    },
  };
}

function trailOf(trails: readonly TaskTrail[]): TaskTrail {
  const tell = (say: (trail: TaskTrail) => void) => {
    for (const trail of trails) say(trail);
  };
  return {
    environment: Object.assign({}, ...trails.map((trail) => trail.environment)),
    rejected: (why) => tell((trail) => trail.rejected(why)),
    claimed: () => tell((trail) => trail.claimed()),
    started: () => tell((trail) => trail.started()),
    stopRequested: (why) => tell((trail) => trail.stopRequested(why)),
    step: (name, work) => trails.reduce<typeof work>((inner, trail) => () => trail.step(name, inner), work)(),
    ended: (outcome, seconds, report) => tell((trail) => trail.ended(outcome, seconds, report)),
  };
}
