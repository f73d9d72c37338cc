/** What is held of a task while its agent works, which may be for hours: not what the agent was started with. */
import { expect, test } from "bun:test";
import { Journal } from "../../src/journal/journal.ts";
import { Secrets } from "../../src/logging/secrets.ts";
import { UNOBSERVED } from "../../src/task/observer.ts";
import { Scheduler } from "../../src/task/scheduler.ts";
import { UnprovenEnds } from "../../src/task/unproven-ends.ts";
import { Tally } from "../../src/telemetry/tally.ts";
import { directBackend } from "../support/direct-backend.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { TempDir } from "../support/temp-dir.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";
import { sampleAssignment } from "../unit/task/sample-assignment.ts";

const TASKS = 20;

test.each([
  ["without metrics", () => UNOBSERVED],
  ["with metrics", () => new Tally()],
])("a running task holds neither its assignment nor its environment, %s", async (_what, observer) => {
  await using dir = await TempDir.create("letting-go");
  await using agent = await FakeAgent.create(dir);
  const log = recordLog();
  await using backend = await directBackend({ dir, ozPath: agent.path, log });
  using journal = new Journal(null, log);
  const held: WeakRef<object>[] = [];
  const ended = Promise.withResolvers<void>();
  let left = TASKS;
  const scheduler = new Scheduler({
    workerId: "w",
    backend,
    journal,
    log,
    secrets: new Secrets(),
    observer: observer(),
    unprovenEnds: new UnprovenEnds(() => {}),
    prepare: (assignment) => {
      const argv = ["agent", "run", "--task-id", assignment.taskId];
      const environment = { ...assignment.envVars };
      held.push(new WeakRef(assignment), new WeakRef(argv), new WeakRef(environment));
      return { assignment, argv, environment };
    },
    deliver: () => {},
    isOnItsWay: () => false,
    onEnded: () => {
      left -= 1;
      if (left === 0) ended.resolve();
    },
    maxConcurrentTasks: 0,
    maxTaskDurationMs: null,
  });
  const runs = [];
  for (let task = 0; task < TASKS; task++) {
    scheduler.offer(sampleAssignment({ taskId: `t-${task}`, envVars: { AGENT_HOLD: "1" } }));
    runs.push(await agent.waitForStart(`t-${task}`));
  }
  Bun.gc(true);
  const stillHeld = held.filter((each) => each.deref() !== undefined).length;
  // The collector takes what looks like an address on the stack for one: a few may stay by chance.
  expect({ of: held.length, isHeld: stillHeld > held.length / 4 }).toEqual({
    of: 3 * TASKS,
    isHeld: false,
  });
  for (const run of runs) run.release();
  await ended.promise;
});
