/** The two ways in which a call to the cluster fails: it said no, or it said nothing. */

export interface ClusterErrorDetails {
  /** The HTTP status. */
  readonly status: number;
  /** The closed word of the API for it (`AlreadyExists`, `Forbidden`, `Expired`); empty when it gave none. */
  readonly reason: string;
  /** The server's own words. */
  readonly said: string;
  /** After how many ms it wants to be asked again; null when it did not say. */
  readonly retryAfterMs?: number | null;
}

/** The API server answered, and refused. Its message is the server's own. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | null;

  constructor({ status, reason, said, retryAfterMs = null }: ClusterErrorDetails) {
    super(said === "" ? `HTTP status ${status}` : said);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: refused, cut, timed out, no certificate that is trusted, no credentials to be had. */
export class ClusterGone extends Error {
  override readonly name = "ClusterGone";
}

export function isStatus(error: unknown, status: number): error is ClusterError {
  return error instanceof ClusterError && error.status === status;
}

/**
 * What a server says that has just come back and has not loaded its roles and namespaces again: the words
 * and codes are those of real refusals.
 */
export function mayBeUnsettled(error: unknown): boolean {
  return error instanceof ClusterError && [401, 403, 404].includes(error.status);
}

/** The server knows who asks, and has no such thing for him: he may not, or there is none. */
export function isRefusal(error: unknown): error is ClusterError {
  if (!(error instanceof ClusterError)) return false;
  return error.status >= 400 && error.status < 500 && error.status !== 401 && error.status !== 429;
}

/** Whether the same call may well succeed a little later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ClusterGone) return true;
  return error instanceof ClusterError && (error.status >= 500 || error.status === 429);
}
