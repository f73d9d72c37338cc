/** The engine's images. */
import { type Calls, pathOf } from "./calls.ts";
import { EngineError, incomplete, isMissing } from "./errors.ts";
import { fieldsOf, numberOf, textMapOf, textOf, textsOf } from "./fields.ts";
import { readJsonLines } from "./json-lines.ts";
import { type Platform, readPlatform } from "./platform.ts";

export interface ImageDetails extends Platform {
  readonly id: string;
  /** NAME@sha256:… */
  readonly repoDigests: readonly string[];
  /** Every container of it has them, unless it was given others. */
  readonly labels: Readonly<Record<string, string>>;
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

/** Podman looks for a name without a host elsewhere, and gives what it imports this tag, whichever is asked for. */
const EMPTY = { repo: "localhost/oz-worker-empty", tag: "latest" } as const;
/** The end of an archive, before which there is nothing. */
const EMPTY_TAR_BYTES = 1024;
/** Nothing is fetched for it, and nothing unpacked. */
const EMPTY_MS = 60_000;

export class Images {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Null when the engine has none by that name. */
  async inspect(reference: string, signal: AbortSignal): Promise<ImageDetails | null> {
    try {
      return readImage(await this.#calls.json("GET", `/images/${pathOf(reference)}/json`, {}, signal));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /**
   * Has to be read to its end: the pull is done then. As long as it takes.
   * @throws EngineError with the HTTP status, or for a failure in the middle with the status that the
   * engine gives it, 0 when none (the engine's words in both); EngineGone when cut
   */
  async *pull(request: PullRequest, signal: AbortSignal): AsyncIterable<PullProgress> {
    const { fromImage, tag, platform, auth } = request;
    const { body } = await this.#calls.stream(
      "POST",
      "/images/create",
      {
        query: { fromImage, tag, platform: platform ?? undefined },
        headers: auth === null ? {} : { "X-Registry-Auth": auth },
      },
      signal,
    );
    for await (const line of readJsonLines(body)) yield readProgress(line);
  }

  /** The reference of one without a single file, for what is never started; made where the engine has none. */
  async empty(signal: AbortSignal): Promise<string> {
    const { repo, tag } = EMPTY;
    const reference = `${repo}:${tag}`;
    if ((await this.inspect(reference, signal)) !== null) return reference;
    const tar = new Uint8Array(EMPTY_TAR_BYTES);
    const options = { query: { fromSrc: "-", repo, tag }, tar, limitMs: EMPTY_MS };
    const { body } = await this.#calls.stream("POST", "/images/create", options, signal);
    for await (const line of readJsonLines(body)) readProgress(line);
    return reference;
  }
}

/** @throws EngineError for what is none */
function readImage(value: unknown): ImageDetails {
  const fields = fieldsOf(value);
  if (textOf(fields, "Id") === "") throw incomplete("the image's id");
  return {
    id: textOf(fields, "Id"),
    repoDigests: textsOf(fields["RepoDigests"]),
    ...readPlatform(textOf(fields, "Os"), textOf(fields, "Architecture")),
    labels: textMapOf(fieldsOf(fields["Config"])["Labels"]),
  };
}

/** @throws EngineError for a line that tells of a failure */
function readProgress(line: unknown): PullProgress {
  const fields = fieldsOf(line);
  const detail = fieldsOf(fields["errorDetail"]);
  const failure = textOf(detail, "message") || textOf(fields, "error");
  if (failure !== "") throw new EngineError(numberOf(detail, "code"), failure);
  const progress = fieldsOf(fields["progressDetail"]);
  return {
    id: textOf(fields, "id"),
    status: textOf(fields, "status"),
    currentBytes: numberOf(progress, "current"),
    totalBytes: numberOf(progress, "total"),
  };
}
