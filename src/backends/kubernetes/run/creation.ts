/** What all creations in the cluster have in common: patience with a server that is away, and words for one that refuses. */
import { never } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { askAgain } from "../client/ask-again.ts";
import { type ClusterError, isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";

export interface CreateContext {
  readonly cluster: Cluster;
  /** Null: this worker cannot prove that it lives, so it takes nothing from others. */
  readonly instance: string | null;
  /** Whether the result of the Job with that uid was reported here, although it is not marked yet. */
  readonly isReported: (uid: string) => boolean;
  readonly log: Logger;
  /** Between tries only: a call that was made is waited for, because what it made has to be known. */
  readonly signal: AbortSignal;
}

/** For an API server that restarts or is overloaded; after that the control plane had better know. */
const PATIENCE_MS = 120_000;
const BACKOFF = { firstMs: 250, lastMs: 8_000 } as const;

interface Insistence {
  /** What else of this call may succeed a little later. */
  readonly alsoPasses?: (error: unknown) => boolean;
  /** For the log: what the server said. */
  readonly tell?: (error: unknown) => string;
}

/** Throws what `call` threw last, or the signal's reason. */
export function patiently<T>(
  call: (signal: AbortSignal) => Promise<T>,
  context: CreateContext,
  { alsoPasses = () => false, tell = wordsOf }: Insistence = {},
): Promise<T> {
  const { signal, log, cluster } = context;
  const unstoppable = never();
  return askAgain(() => call(unstoppable), {
    bounds: BACKOFF,
    patienceMs: PATIENCE_MS,
    mayPass: (error) => cluster.mayPass(error) || alsoPasses(error),
    onTrouble: (error, tries) => {
      if (tries === 1) log.warn("the cluster did not take it; trying again", { why: tell(error) });
    },
    signal,
  });
}

/** Somebody has made one of that name, this worker perhaps. */
export function exists(error: unknown): error is ClusterError {
  return isStatus(error, 409) && error.reason === "AlreadyExists";
}

/** Of a create: others took from the same quota in the same moment, and it was checked against a state of before. */
export function isCollision(error: unknown): boolean {
  return isStatus(error, 409) && error.reason === "Conflict";
}

/** What to do about a refusal; empty where nothing more is to be said. */
export function adviceFor(error: unknown): string {
  if (isStatus(error, 403)) return "; see the worker's Role, quotas and admission policies";
  if (isStatus(error, 401)) return "; the worker's credentials were refused";
  if (isStatus(error, 409)) return "; delete what has that name";
  return "";
}
