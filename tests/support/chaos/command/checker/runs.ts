/** Rules of the dispatches: how often, of what, and with what on their standard input. */
import type { Violation } from "../../checker/conversation.ts";
import { isDispatchedAnewAs } from "./dispatched-anew.ts";
import { CLOCK_MS, type CommandStory, type CommandTelling, type Run, showRun } from "./stories.ts";

export function checkRuns(telling: CommandTelling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...oneRun(story, telling),
    ...deliveredRuns(story),
    ...wrongPayloads(story, telling),
  ]);
}

function oneRun(story: CommandStory, telling: CommandTelling): Violation[] {
  const { taskId, plan } = story;
  if (telling.forgot(story)) return [];
  return plan.executions.flatMap(({ executionId }) => {
    if (executionId === null) return [];
    const runs = story.runs.filter((run) => run.executionId === executionId);
    if (runs.length <= 1) return [];
    const first = runs.find((run) => wasMarked(run, story, telling));
    const isAgain =
      first !== undefined && runs.some(({ startAt }) => startAt > (first.end?.at ?? 0) + MARKED_WITHIN_MS);
    if (!isAgain && isDispatchedAnewAs(story, executionId, telling)) return [];
    const what = `${executionId} was dispatched ${runs.length} times: ${runs.map(showRun).join(", ")}`;
    return [{ rule: "one-run", taskId, what }];
  });
}

/** From a dispatch's end to the mark that tells of it, on a busy machine. */
const MARKED_WITHIN_MS = 750;

/**
 * Docs/command.md, "Several workers of one id": it is rejected "for 24 hours after it was handed over, whatever becomes of the
 * first". That it was, somebody has to have lived to see: all that were given it, unfrozen, with their shims. And what ended in
 * another way all the same was interrupted.
 */
function wasMarked({ end, termAt }: Run, { assigned, ends }: CommandStory, telling: CommandTelling): boolean {
  if (end?.status !== 0 || termAt !== null || ends.length > 0) return false;
  const seenAt = end.at + MARKED_WITHIN_MS;
  const given = assigned.filter(({ at }) => at < end.at + CLOCK_MS).map(({ worker }) => worker);
  const troubles = [
    ...telling.ends,
    ...telling.signals("SIGKILL"),
    ...telling.signals("SIGSTOP"),
    ...telling.shimTroubles("shim-killed"),
    ...telling.shimTroubles("shim-stopped"),
  ];
  const isTroubled = troubles.some(
    (event) => "worker" in event && given.includes(event.worker) && event.at < seenAt,
  );
  const wasInMemory = telling.workers.some((each) => given.includes(each.worker) && each.wasInMemory);
  return given.length > 0 && !isTroubled && !wasInMemory;
}

/** Nobody dispatches what was not given to it: without an execution id each delivery is one run at most. */
function deliveredRuns({ taskId, runs, assigned }: CommandStory): Violation[] {
  if (runs.length <= assigned.length) return [];
  return [{ rule: "delivered", taskId, what: `${runs.length} dispatches for ${assigned.length} deliveries` }];
}

/** But for what was told to end while it read. */
function wrongPayloads({ taskId, runs }: CommandStory, { history }: CommandTelling): Violation[] {
  return history.wrongPayloads
    .filter((payload) => payload.taskId === taskId)
    .filter(({ pid, executionId }) =>
      runs.some(
        (run) =>
          run.pid === pid && run.executionId === executionId && run.termAt === null && run.end !== null,
      ),
    )
    .map(({ pid, what }) => ({
      rule: "payload",
      taskId,
      what: `the dispatch with pid ${pid} read a payload ${what}`,
    }));
}
