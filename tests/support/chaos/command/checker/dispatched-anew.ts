/**
 * Where docs/command.md, "Several workers of one id", lets an execution be dispatched anew: then it may have a second end, and other
 * words for it.
 */
import { isBegunAnewAs, isBeside, takenUp } from "../../checker/begun-anew.ts";
import type { Hearing } from "../../checker/conversation.ts";
import type { CommandStory } from "./stories.ts";

export function isDispatchedAnew(story: CommandStory, telling: Hearing): boolean {
  return story.plan.executions.some(
    ({ executionId }) => executionId !== null && isDispatchedAnewAs(story, executionId, telling),
  );
}

export function isDispatchedAnewAs(story: CommandStory, executionId: string, telling: Hearing): boolean {
  return isBegunAnewAs(story, executionId, telling) || isKnownToHeirAlone(story, executionId, telling);
}

/**
 * "After that it may be dispatched anew, for how the first one ended is known to the next worker that starts alone": between two
 * deliveries a worker that had it was gone, and one that has started since lives beside the second's.
 */
function isKnownToHeirAlone(story: CommandStory, executionId: string, telling: Hearing): boolean {
  const given = story.assigned.filter((assigned) => assigned.executionId === executionId);
  return given.some((delivery) => {
    const later = takenUp(delivery, story, telling);
    const before = given.filter((each) => each !== delivery && each.index < later.index);
    return before.some((first) => {
      const gone = telling.ends.find(({ worker, index }) => worker === first.worker && index > first.index);
      if (gone === undefined || gone.index > later.index) return false;
      const heirs = telling.events.slice(first.index, later.index).filter(({ kind }) => kind === "started");
      return heirs.some((heir) => "worker" in heir && isBeside(heir.worker, later.worker, telling));
    });
  });
}
