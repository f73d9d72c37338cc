/**
 * The part of worker.ts that runs tasks over a journal. Apart from it, and loaded when the handshake is on its
 * way: a start does not wait for what only a task needs.
 */
import type { Inbox } from "./control-plane/inbox.ts";
import { reaperForFirstProcess } from "./process/reaper.ts";
import { maskStartWords } from "./process/start-words.ts";
import { HeapKeeper } from "./runtime/heap-keeper.ts";
import { compileForTasks } from "./runtime/jit-policy.ts";
import { PageKeeper } from "./runtime/page-keeper.ts";
import { createIntake } from "./task/intake.ts";
import { prepareTask } from "./task/prepare.ts";
import type { Retirement } from "./task/retirement.ts";
import { Scheduler, type SchedulerOptions } from "./task/scheduler.ts";
import type { UnprovenEnds } from "./task/unproven-ends.ts";
import { openWatch, type WatchedParts, type WatchOptions } from "./worker-watch.ts";

export { openJournal } from "./journal/open.ts";

export interface TaskParts extends Omit<WatchedParts, "scheduler"> {
  /** Opened once there is a scheduler to read it. */
  readonly inbox: Inbox;
  readonly unprovenEnds: UnprovenEnds;
  readonly retirement: Retirement;
}

export interface Tasks extends AsyncDisposable {
  readonly scheduler: Scheduler;
}

/** Takes up what earlier daemons left, and from then on what the control plane sends. */
export async function openTasks(options: WatchOptions, parts: TaskParts): Promise<Tasks> {
  const { backend, outbox, inbox, retirement, telemetry, state } = parts;
  const { journal } = state;
  await using opening = new AsyncDisposableStack();
  // Before there is an agent, which could look for it.
  maskStartWords([options.settings.key.shown, options.environment["WARP_API_KEY"]]);
  for (const frame of journal.undelivered()) outbox.add(frame);
  await telemetry.openTraces();
  const heap = opening.use(new HeapKeeper(() => scheduler.activeTasks));
  opening.use(reaperForFirstProcess());
  const pages = opening.use(new PageKeeper(() => scheduler.activeTasks));
  const scheduler: Scheduler = createScheduler(options, parts, {
    onBegun: () => {
      compileForTasks();
      pages.changed();
      retirement.taskBegun();
    },
    onEnded: () => {
      heap.taskEnded();
      pages.changed();
      retirement.owesLess();
    },
  });
  retirement.open({
    owed: () => scheduler.heldTasks + outbox.size,
    admission: scheduler.admission,
  });
  scheduler.recover(journal.running());
  inbox.open(createIntake(scheduler, options.log));
  const orphanage = new AbortController();
  opening.defer(() => orphanage.abort());
  backend.findOrphans?.(scheduler.adopt, orphanage.signal);
  sayReady(options, outbox.size);
  opening.use(await openWatch(options, { ...parts, scheduler }));
  const opened = opening.move();
  return { scheduler, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function createScheduler(
  { settings, log, secrets }: WatchOptions,
  { backend, outbox, unprovenEnds, telemetry, state }: TaskParts,
  events: Pick<SchedulerOptions, "onBegun" | "onEnded">,
): Scheduler {
  return new Scheduler({
    workerId: settings.workerId,
    backend,
    unprovenEnds,
    journal: state.journal,
    log,
    secrets,
    prepare: (assignment, traceContext) => prepareTask(assignment, settings, traceContext),
    observer: telemetry.tasks,
    ...events,
    deliver: (frame, urgency) => outbox.add(frame, urgency),
    isOnItsWay: (frame) => outbox.holdsUnsent(frame),
    maxConcurrentTasks: settings.maxConcurrentTasks,
    maxTaskDurationMs: settings.maxTaskDurationMs,
  });
}

function sayReady({ settings, log }: WatchOptions, unreported: number): void {
  log.info("worker ready", {
    workerId: settings.workerId,
    backend: settings.backend.kind,
    controlPlane: publicPart(settings.webSocketUrl),
    maxConcurrentTasks: settings.maxConcurrentTasks,
    unreported,
  });
}

/** A query may hold a token, and what is before the host a password. */
function publicPart(url: string): string {
  return url.replace(/[?#].*$/, "").replace(/^([a-z]+:\/\/)[^/]*@/i, "$1");
}
