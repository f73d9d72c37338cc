/** Rules of the ledger: what ran, how often, and beside whom. */
import { isBegunAnew, isBegunAnewAs } from "./begun-anew.ts";
import type { Violation } from "./conversation.ts";
import type { Run, Story, Telling } from "./stories.ts";

export function checkRuns(telling: Telling): Violation[] {
  return telling.stories.flatMap((story) => [
    ...oneRun(story, telling),
    ...deliveredRuns(story),
    ...oneAtATime(story, telling),
    ...robbed(story),
    ...tornDown(story, telling),
  ]);
}

function runsOf({ runs }: Story, executionId: string): Run[] {
  return runs.filter((run) => run.executionId === executionId);
}

function oneRun(story: Story, telling: Telling): Violation[] {
  const { taskId, plan } = story;
  return plan.executions.flatMap(({ executionId }) => {
    if (executionId === null || telling.forgot(story)) return [];
    const runs = runsOf(story, executionId);
    if (runs.length <= 1 || isBegunAnewAs(story, executionId, telling)) return [];
    return [
      {
        rule: "one-run",
        taskId,
        what: `${executionId} ran ${runs.length} times: ${runs.map(showRun).join(", ")}`,
      },
    ];
  });
}

/** Nobody runs what was not given to it: without an execution id each delivery is one run at most. */
function deliveredRuns({ taskId, runs, assigned }: Story): Violation[] {
  if (runs.length <= assigned.length) return [];
  return [{ rule: "delivered", taskId, what: `${runs.length} runs for ${assigned.length} deliveries` }];
}

/** An execution of a task excludes every other, whoever has it. */
function oneAtATime(story: Story, telling: Telling): Violation[] {
  if (telling.forgot(story)) return [];
  const { taskId, runs } = story;
  return runs.flatMap((run, at) =>
    runs
      .slice(at + 1)
      .filter((later) => run.end !== null && later.startAt < run.end.at)
      .map((later) => ({
        rule: "one-at-a-time",
        taskId,
        what: `${showRun(later)} began beside ${showRun(run)}`,
      })),
  );
}

function robbed({ taskId, runs }: Story): Violation[] {
  return runs
    .filter((run) => run.robbed)
    .map((run) => ({ rule: "robbed", taskId, what: `${showRun(run)} lost its workspace while it worked` }));
}

/** "An end is sent after the teardown command": of a task of one run, which nobody began anew beside it. */
function tornDown(story: Story, telling: Telling): Violation[] {
  const { taskId, runs, ends, teardowns, isPlain } = story;
  if (!telling.history.hooks || !isPlain || runs.length !== 1 || isBegunAnew(story, telling)) return [];
  const [first] = ends;
  if (first === undefined || teardowns.some(({ at }) => at <= first.at + CLOCK_MS)) return [];
  return [
    { rule: "torn-down", taskId, what: `its end was told before a teardown had begun: ${first.words}` },
  ];
}

/** Between a line's time and this process's own. */
const CLOCK_MS = 20;

export function showRun({ executionId, pid, startAt, termAt, end }: Run): string {
  const told = termAt === null ? "" : `, told to end at ${termAt}`;
  return `${executionId ?? "a run"} (pid ${pid}, from ${startAt} to ${end === null ? "an end of another's" : `${end.at} with ${end.status}`}${told})`;
}
