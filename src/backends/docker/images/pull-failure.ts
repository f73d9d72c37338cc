/** What a failed pull means: whether it is worth another try, and what the operator is told. Pure. */
import { wordsOf } from "../../../logging/words-of.ts";
import { EngineError, EngineGone, isSpoiled } from "../engine/errors.ts";
import { RESTART_MS } from "../persist.ts";

/** No image for the task, in words for the operator. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}

/** An engine that restarts is back in seconds; a registry that is asked too often is not. */
const TRIES = { final: 1, answered: 4, gone: 8 } as const;

/** An engine may say as much as it wants. */
const MOST_WORDS = 600;

/**
 * Engines have no code for most of what a registry says: its 401 and 403 come as 500 (seen with 20.10 and
 * 29), and podman answers 200 before it has asked. Only the error codes of the registry protocol and HTTP's
 * own words, in the text, tell them apart. They must be told: a wrong password that is tried again and
 * again locks its account. What is not known here is tried again a few times, which harms nobody.
 */
const REFUSED =
  /(?:^|: )(?:unauthorized|denied)(?::|\s|$)|\b401 Unauthorized|\b403 Forbidden|no basic auth credentials|authorization failed/;
const ABSENT = /(?:^|: )(?:manifest unknown|name unknown)(?::|\s|$)|no matching manifest for /;

/** How often a pull is tried when it fails like this: at most, but for an engine that is gone. */
export function triesFor(error: unknown): number {
  if (error instanceof EngineGone) return TRIES.gone;
  if (!(error instanceof EngineError)) return TRIES.final;
  if (isSpoiled(error)) return TRIES.answered;
  const { status, message } = error;
  // 0: in the middle of the stream, where most engines give no status.
  if (status !== 0 && status !== 429 && status < 500) return TRIES.final;
  return REFUSED.test(message) || ABSENT.test(message) ? TRIES.final : TRIES.answered;
}

/** Of one pull. An engine that is away for a restart is waited for, as it is with all that has not begun. */
export class PullPatience {
  readonly #now: () => number;
  #answers = 0;
  #silences = 0;
  /** By the clock of `now`; null: its last word was an answer. */
  #silentSince: number | null = null;

  /** `now`: in ms, of a clock that nobody sets. */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** After one more try that failed like this: whether another is worth it. */
  allowsAnother(error: unknown): boolean {
    if (!(error instanceof EngineGone)) {
      this.#silentSince = null;
      return ++this.#answers < triesFor(error);
    }
    this.#silentSince ??= this.#now();
    return ++this.#silences < triesFor(error) || this.#now() - this.#silentSince < RESTART_MS;
  }
}

/** True where another credential might help, so that it is worth saying which one was used. */
export function isAboutCredentials(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  // Registries hide what exists from those who may not see it: 404.
  return [401, 403, 404].includes(error.status) || REFUSED.test(error.message);
}

/** The engine's own words, on one line and of a length that fits it. */
export function failureWords(error: unknown): string {
  const words =
    wordsOf(error)
      .trim()
      .replace(/\s*\n\s*/g, "; ") || "the engine did not say why";
  return words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}...` : words;
}
