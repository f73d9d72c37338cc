/**
 * Keeps one side of the store true: lists, watches from there, and begins again when the server has
 * forgotten where that was. Nothing that happens in between is missed, and nothing ends it but its signal.
 */
import { Backoff } from "../../../async/backoff.ts";
import { type Expiry, expiring, pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { ClusterError, ClusterGone, isStatus } from "../client/cluster-error.ts";
import type { Transport } from "../client/transport.ts";
import type { Side } from "./job-store.ts";
import { jsonLines } from "./json-lines.ts";
import { isLater } from "./resource-version.ts";
import { metadataOf } from "./slim.ts";

export interface ReflectorOptions<T> {
  /** `jobs`, for the log. */
  readonly what: string;
  readonly transport: Transport;
  /** Of the collection: `/apis/batch/v1/namespaces/NAME/jobs`. */
  readonly path: string;
  readonly labelSelector: string;
  readonly slim: (json: unknown) => T;
  readonly side: Side<T>;
  readonly log: Logger;
}

/** The server ends a watch after this long, spread so that those of many workers do not end together. */
const WATCH_SECONDS = { least: 240, spread: 240 } as const;
/** A watch that lived shorter than this is not opened again at once. */
const SHORT_MS = 1_000;
/** What a list showed first has to come through the watch within this time, or the watch is dead. */
const LAG_MS = 5_000;
const BACKOFF = { firstMs: 500, lastMs: 30_000 } as const;
/** Who asks, or when: a server that has just started, or is busy, refuses so what it grants a moment later. */
const OF_ANY_VERSION: ReadonlySet<number> = new Set([401, 403, 429, 503]);
/** Different causes that are told of one trouble, whose words may hold what changes with each try. */
const MOST_TOLD = 5;

export class Reflector<T> {
  private readonly options: ReflectorOptions<T>;
  private readonly backoff = new Backoff(BACKOFF);
  /** Up to where everything is known; null: a list has to tell. */
  private version: string | null = null;
  /** The last one that was known, whether or not a list has to tell since: what a list shows is not from before it. */
  private lastKnown = "";
  private stream: Expiry | null = null;
  private heardAt = 0;
  /** Why nothing can be watched, as it was told; empty: all is well. */
  private readonly told = new Set<string>();
  /** And nothing was heard since. */
  private wasCut = false;

  constructor(options: ReflectorOptions<T>) {
    this.options = options;
  }

  /** Until the signal fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (this.version === null) await this.list(signal);
        await this.watch(signal);
        if (performance.now() - startedAt < SHORT_MS) await pause(this.backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.recover(error, signal);
      }
    }
  }

  /** The safety net: reads everything, and opens the watch again when that should have told it long ago. */
  async poll(signal: AbortSignal): Promise<void> {
    const { what, log } = this.options;
    const askedAt = performance.now();
    if (!(await this.list(signal))) return;
    await pause(LAG_MS, signal);
    if (signal.aborted || this.heardAt > askedAt || this.stream === null) return;
    log.warn("a watch has missed a change; it is opened again", { what });
    this.stream.expire();
  }

  /** True: something in it was news. */
  private async list(signal: AbortSignal): Promise<boolean> {
    const { transport, slim, side } = this.options;
    const known = this.lastKnown;
    const answer = await transport.call({ method: "GET", path: this.url({}), signal });
    const { items, metadata } = answer.json as { items?: unknown; metadata?: unknown };
    const version = String(metadataOf({ metadata })["resourceVersion"] ?? "");
    const all = Array.isArray(items) ? items.map(slim) : [];
    if (version !== "" && isLater(known, version)) {
      this.startOver(all, version);
      return false;
    }
    // The watch is ahead of it already: what it calls missing may be new, and what it shows be gone.
    if (this.version !== null && isLater(this.version, version)) return false;
    this.know(version);
    return side.replace(all, version);
  }

  /**
   * A list shows the newest state, so one from before what was known already when it was asked for is of a
   * server that was restored from a backup. Of a version that is yet to come such a server's watch tells
   * nothing: tasks waited for ever.
   */
  private startOver(all: readonly T[], version: string): void {
    const { what, side, log } = this.options;
    log.warn("the cluster's state is older than what was seen of it, as after a restored backup", { what });
    this.know(version);
    side.restore(all);
    this.stream?.expire();
  }

  /** Returns when the server ended it, as it does every few minutes. */
  private async watch(signal: AbortSignal): Promise<void> {
    const seconds = WATCH_SECONDS.least + Math.floor(Math.random() * WATCH_SECONDS.spread);
    using stream = expiring(signal, (seconds + 30) * 1000);
    this.stream = stream;
    const path = this.url({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: this.version ?? "",
      timeoutSeconds: String(seconds),
    });
    try {
      const body = await this.options.transport.stream({ method: "GET", path, signal: stream.signal });
      this.wellAgain();
      for await (const event of jsonLines(body)) this.take(event as WatchEvent);
    } catch (error) {
      // Cut by us, because it was dead: a list will tell what it did not.
      if (!stream.expired) throw error;
      this.version = null;
    } finally {
      this.stream = null;
    }
  }

  private take({ type, object }: WatchEvent): void {
    const { slim, side } = this.options;
    this.heardAt = performance.now();
    if (type === "ERROR") throw refusal(object);
    this.backoff.reset();
    this.wasCut = false;
    const version = metadataOf(object)["resourceVersion"];
    if (typeof version === "string") this.know(version);
    if (type === "ADDED" || type === "MODIFIED") side.put(slim(object));
    else if (type === "DELETED") side.remove(slim(object));
  }

  private know(version: string): void {
    this.version = version;
    this.lastKnown = version;
  }

  private async recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { what, log } = this.options;
    if (isStatus(error, 410)) {
      log.debug("the server forgot where a watch was; everything is listed again", { what });
      this.version = null;
      // At once, but not in a circle.
      await pause(Math.random() * SHORT_MS, signal);
      return;
    }
    this.tell(error);
    // A refusal may be about the version, so it is not insisted upon. But a list shows nothing of how a pod ended that is gone.
    if (error instanceof ClusterError && !OF_ANY_VERSION.has(error.status)) this.version = null;
    await pause(this.backoff.next(), signal);
  }

  /**
   * Each cause once: what began with a cut connection may go on as a token that has expired. The cut itself is
   * an everyday thing, unless it comes again at once.
   */
  private tell(error: unknown): void {
    const { what, log } = this.options;
    const why = wordsOf(error);
    const isCut = !(error instanceof ClusterError || error instanceof ClusterGone);
    if (isCut) this.options.transport.noteCut();
    if (isCut && !this.wasCut) {
      this.wasCut = true;
      log.debug("a watch was cut; it is opened again", { what, why });
    } else if (!this.told.has(why) && this.told.size < MOST_TOLD) {
      log.warn("cannot watch the cluster; trying again", { what, why });
      this.told.add(why);
    }
  }

  private wellAgain(): void {
    if (this.told.size > 0)
      this.options.log.info("the cluster is watched again", { what: this.options.what });
    this.told.clear();
  }

  private url(query: Readonly<Record<string, string>>): string {
    const { path, labelSelector } = this.options;
    return `${path}?${new URLSearchParams({ labelSelector, ...query })}`;
  }
}

interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** An ERROR event holds a Status; 410 is how it says that the version is too old. */
function refusal(object: unknown): ClusterError {
  const { code, reason, message } = object as { code?: unknown; reason?: unknown; message?: unknown };
  return new ClusterError({
    status: typeof code === "number" ? code : 500,
    reason: String(reason ?? ""),
    said: String(message ?? ""),
  });
}
