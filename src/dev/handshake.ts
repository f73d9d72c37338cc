/** Who may open a link: path, bearer key and worker id of a handshake, and a record of each attempt. */

export const LINK_PATH = "/api/v1/selfhosted/worker/ws";

export interface Handshake {
  readonly at: number;
  readonly workerId: string;
  /** `accepted`, `hung` (never answered), or the HTTP status of the refusal. */
  readonly outcome: "accepted" | "hung" | number;
}

export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Null: nothing to object to. An expected worker id of null lets any in. */
export function objectionTo(
  request: Request,
  workerId: string,
  expected: { readonly apiKey: string; readonly workerId: string | null },
): Refusal | null {
  if (request.headers.get("authorization") !== `Bearer ${expected.apiKey}`) {
    return { status: 401, message: "The API key is not the one of this control plane" };
  }
  if (workerId === "") return { status: 400, message: "The query has no worker_id" };
  if (expected.workerId !== null && workerId !== expected.workerId) {
    return { status: 400, message: `The worker id here is ${expected.workerId}` };
  }
  return null;
}

/** The newest are kept: a worker that is refused for a weekend must not fill the memory. */
const KEPT = 10_000;

export class HandshakeLog {
  #entries: Handshake[] = [];
  #total = 0;

  record(workerId: string, outcome: Handshake["outcome"]): void {
    this.#total++;
    this.#entries.push({ at: performance.timeOrigin + performance.now(), workerId, outcome });
    if (this.#entries.length > 2 * KEPT) this.#entries = this.#entries.slice(-KEPT);
  }

  get all(): readonly Handshake[] {
    return this.#entries;
  }

  get total(): number {
    return this.#total;
  }
}
