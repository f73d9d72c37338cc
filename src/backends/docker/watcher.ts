/**
 * Waits for containers through one stream of events, however many there are: a waiting request for
 * each would take one of the 256 connections that the runtime makes at a time. An event is a reason to
 * look, never the news itself, so a lost, a late and a doubled one do no harm. Only that something in the
 * container was killed for its memory is told by the event alone, where the engine's state misses it.
 */

import { Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import { BadAnswers } from "./bad-answers.ts";
import type { ContainerState, Containers } from "./engine/containers.ts";
import type { EngineEvent, EventOptions } from "./engine/events.ts";
import { MOST_REFUSALS } from "./persist.ts";
import { Silence } from "./silence.ts";

/** As much of the engine as is watched. */
export interface WatchedEngine {
  readonly containers: Pick<Containers, "find">;
  events(options: EventOptions, signal: AbortSignal): AsyncIterable<EngineEvent>;
}

/** What came while a container was waited for. */
export interface Heard {
  /** An `oom` event. */
  readonly oom: boolean;
  /** A look that brought no answer: the engine was away, or its host. */
  readonly silence: boolean;
}

/** State null: there is no such container. Returns null as long as it has to be waited for. */
export type Test<T> = (state: ContainerState | null, heard: Heard) => T | null;

interface Waiter {
  readonly id: string;
  readonly pace: Pace;
  look(): void;
  hear(event: EngineEvent): void;
}

/** Against a stream that says nothing any more although it is open. */
const LOOK_AGAIN_MS = 30_000;
/** After a look that brought no answer: the engine may be back before the next event. */
const LOOK_SOON_MS = 1_000;
/** At a time, of those of which nothing was heard: over ssh each is a login. */
const MOST_LOOKS = 10;
/** Of the time that a container has been waited for: no later is its end seen where no event tells of it. */
const LATE_BY = 0.1;
/** Kept open between tasks that follow each other. */
const LINGER_MS = 10_000;
/** What the engine remembers of so long ago is looked at, against what happened before it was heard. */
const HINDSIGHT_MS = 60_000;

const RECONNECT = { firstMs: 200, lastMs: 10_000 };

/** A start is no reason to look; to hear of one shows that the engine tells of events at all. */
const FILTERS = {
  type: ["container"],
  event: ["start", "die", "died", "destroy", "remove", "oom"],
} as const;

export class Watcher implements Disposable {
  private readonly engine: WatchedEngine;
  private readonly silence: Silence;
  private readonly waiters = new Set<Waiter>();
  /** Those whose last look brought no answer. */
  private readonly unanswered = new Set<Waiter>();
  private listening: AbortController | null = null;
  /** False for good where the engine has none, or somebody between keeps them. */
  private eventsCome = false;
  private lingering: ReturnType<typeof setTimeout> | null = null;
  private soon: ReturnType<typeof setTimeout> | null = null;

  constructor(engine: WatchedEngine, log: Logger) {
    this.engine = engine;
    this.silence = new Silence(log);
  }

  /**
   * Resolves with the first answer of `test` that is not null. `id` in full, as events carry it. An
   * engine that is away, or in trouble for a while, is waited for. Rejects with the signal's reason, and
   * with an EngineError.
   */
  until<T>(id: string, test: Test<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const bad = new BadAnswers(MOST_REFUSALS);
    const heard = { oom: false, silence: false };
    const pace = new Pace();
    const look = new Look(async () => {
      const lookedAt = performance.now();
      try {
        const state = await this.engine.containers.find(id, signal);
        const answer = test(state, heard);
        this.silence.isOver();
        bad.forget();
        if (answer !== null) resolve(answer);
      } catch (error) {
        heard.silence = true;
        if (!signal.aborted) this.silence.goesOn(error, lookedAt);
        if (!signal.aborted && !bad.areEnoughWith(error)) this.lookSoon(waiter);
        else reject(signal.aborted ? signal.reason : error);
      }
    });
    const waiter: Waiter = {
      id,
      pace,
      look: () => {
        // When it is asked for: one that hangs would be the longest ago each second, and keep others from their turn.
        pace.looks();
        look.again();
      },
      hear: ({ action }) => {
        heard.oom ||= action === "oom";
        if (action !== "start") waiter.look();
      },
    };
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    this.add(waiter);
    return promise.finally(() => {
      signal.removeEventListener("abort", aborted);
      this.remove(waiter);
    });
  }

  [Symbol.dispose](): void {
    for (const timer of [this.lingering, this.soon]) if (timer !== null) clearTimeout(timer);
    this.listening?.abort();
  }

  private add(waiter: Waiter): void {
    this.waiters.add(waiter);
    if (this.lingering !== null) clearTimeout(this.lingering);
    this.lingering = null;
    if (this.listening === null) {
      this.listening = new AbortController();
      this.listen(this.listening.signal);
    }
    waiter.look();
  }

  private remove(waiter: Waiter): void {
    this.waiters.delete(waiter);
    this.unanswered.delete(waiter);
    if (this.waiters.size > 0) return;
    this.silence.forget();
    this.lingering = setTimeout(() => {
      this.listening?.abort();
      this.listening = null;
    }, LINGER_MS);
    this.lingering.unref();
  }

  private async listen(signal: AbortSignal): Promise<void> {
    const timer = setInterval(() => this.lookAtThoseDue(), LOOK_SOON_MS);
    timer.unref();
    const backoff = new Backoff(RECONNECT);
    while (!signal.aborted) {
      const startedAt = performance.now();
      await this.hear(signal);
      if (performance.now() - startedAt > LOOK_AGAIN_MS) backoff.reset();
      await pause(backoff.next(), signal);
      this.lookAtAll();
    }
    clearInterval(timer);
  }

  private async hear(signal: AbortSignal): Promise<void> {
    try {
      const since = String((Date.now() - HINDSIGHT_MS) / 1000);
      for await (const event of this.engine.events({ filters: FILTERS, since }, signal)) {
        this.eventsCome = true;
        for (const waiter of this.waiters) if (waiter.id === event.id) waiter.hear(event);
      }
    } catch {
      // Cut, or refused: the loop tries again, and looks by itself meanwhile.
    }
  }

  private lookAtAll(): void {
    for (const waiter of this.waiters) waiter.look();
  }

  private lookAtThoseDue(): void {
    const due = [...this.waiters].filter(({ pace }) => pace.isDue(this.eventsCome));
    for (const waiter of due.toSorted(longestAgoFirst).slice(0, MOST_LOOKS)) waiter.look();
  }

  /** Not at the others: over ssh each look is a login, and where of many at once some are turned away, it never ended. */
  private lookSoon(waiter: Waiter): void {
    // It may have had its answer while one more look was underway.
    if (!this.waiters.has(waiter)) return;
    this.unanswered.add(waiter);
    if (this.soon !== null || this.listening?.signal.aborted) return;
    this.soon = setTimeout(() => {
      this.soon = null;
      const again = [...this.unanswered];
      this.unanswered.clear();
      for (const each of again) each.look();
    }, LOOK_SOON_MS);
    this.soon.unref();
  }
}

const longestAgoFirst = (one: Waiter, other: Waiter) => one.pace.lookedAt - other.pace.lookedAt;

/** When a container is looked at although nothing was heard of it. */
class Pace {
  private readonly since = performance.now();
  /** By the clock of performance.now(). */
  lookedAt = this.since;

  looks(): void {
    this.lookedAt = performance.now();
  }

  isDue(eventsCome: boolean): boolean {
    const waitedMs = this.lookedAt - this.since;
    const restMs = eventsCome ? LOOK_AGAIN_MS : Math.max(LOOK_SOON_MS, waitedMs * LATE_BY);
    return performance.now() - this.lookedAt >= Math.min(restMs, LOOK_AGAIN_MS);
  }
}

/** One look at a time; asked for while one is underway, one more follows it. */
class Look {
  private readonly work: () => Promise<void>;
  private state: "idle" | "looking" | "once more" = "idle";

  constructor(work: () => Promise<void>) {
    this.work = work;
  }

  again(): void {
    if (this.state !== "idle") {
      this.state = "once more";
      return;
    }
    this.state = "looking";
    this.work().then(() => {
      const more = this.state === "once more";
      this.state = "idle";
      if (more) this.again();
    });
  }
}
