/** The engine's images. */
import type { Calls } from "./calls.ts";

export interface ImageDetails {
  readonly id: string;
  /** NAME@sha256:… */
  readonly repoDigests: readonly string[];
  readonly repoTags: readonly string[];
  readonly os: string;
  readonly architecture: string;
  /** Empty for none. */
  readonly variant: string;
  readonly sizeBytes: number;
}

export interface PullRequest {
  /** Without tag and digest. */
  readonly fromImage: string;
  /** A tag, or a digest (sha256:…). */
  readonly tag: string;
  /** linux/arm64/v8; null: the engine's own. */
  readonly platform: string | null;
  /** The value of X-Registry-Auth; null: none. */
  readonly auth: string | null;
}

export interface PullProgress {
  /** The layer; empty for what is said of the whole. */
  readonly id: string;
  readonly status: string;
  readonly currentBytes: number;
  readonly totalBytes: number;
}

export class Images {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Null when the engine has none by that name. */
  async inspect(reference: string, signal: AbortSignal): Promise<ImageDetails | null> {
    return null;
  }

  /**
   * Has to be read to its end: the pull is done then. As long as it takes.
   * @throws EngineError with the HTTP status, or 0 for a failure in the middle (the engine's words);
   * EngineGone when cut
   */
  async *pull(request: PullRequest, signal: AbortSignal): AsyncIterable<PullProgress> {}
}
