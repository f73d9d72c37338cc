/** What can go wrong between this program and the container engine. */

/** The engine answered and refused; the message holds its own words. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** The HTTP status; 0 for an error that came inside a stream (a pull). */
  readonly status: number;
  /** It is not in the engine's own form: the page of a proxy, or an answer without what has to be in it. */
  readonly foreign: boolean;

  constructor(status: number, message: string, foreign = false) {
    super(message);
    this.status = status;
    this.foreign = foreign;
  }
}

/** HTTP's words for it. */
export const CONFLICT = 409;
export const NOT_FOUND = 404;
/** Of whatever went wrong. */
export const FAILED = 500;

/** What was asked about is not there. A proxy that does not find the engine says nothing of it. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineError && error.status === NOT_FOUND && !error.foreign;
}

/** It is being used, or removed, or its name is another one's: what the engine refuses for now. */
export function isConflict(error: unknown): error is EngineError {
  return error instanceof EngineError && error.status === CONFLICT;
}

/** As `isMissing`, or it is just being removed. */
export function isMissingOrGoing(error: unknown): boolean {
  return isMissing(error) || isConflict(error);
}

/** Nobody knows what the engine did: its answer was spoiled on the way, or a proxy did not find it. */
export function isSpoiled(error: unknown): boolean {
  return error instanceof EngineError && error.foreign && (error.status < 400 || error.status === NOT_FOUND);
}

/** An answer that has `what` left out, which every engine gives. Quotes nothing: a container's arguments may be secret. */
export function incomplete(what: string): EngineError {
  return new EngineError(200, `It answered without ${what} (is a proxy in between?)`, true);
}

/**
 * No answer, or half of one: refused, cut, reset, too late. The engine may be restarting, and what was
 * asked for may or may not have been done.
 */
export class EngineGone extends Error {
  override readonly name = "EngineGone";
  /** The system's code (ENOENT, ECONNREFUSED, EACCES…); null when the connection was there and broke. */
  readonly code: string | null;
  /** Nothing had come when its time was over. */
  readonly late: boolean;

  constructor(message: string, options: EngineGoneOptions = {}) {
    super(message, { cause: options.cause });
    this.code = options.code ?? null;
    this.late = options.late ?? false;
  }
}

interface EngineGoneOptions {
  readonly code?: string | null;
  readonly late?: boolean;
  readonly cause?: unknown;
}

/** At start: the endpoint cannot be made out of what the environment and Docker's files say. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
}

/** At start: no engine of ours at the chosen endpoint. The message says which, why it, and what to try. */
export class EngineUnreachable extends Error {
  override readonly name = "EngineUnreachable";
}
