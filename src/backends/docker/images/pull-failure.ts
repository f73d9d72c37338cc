/** What a failed pull means: whether it is worth another try, and what the operator is told. Pure. */
import { wordsOf } from "../../../logging/words-of.ts";
import { EngineError, EngineGone } from "../engine/errors.ts";

/** No image for the task, in words for the operator. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}

/** An engine that restarts is back in seconds; a registry that is asked too often is not. */
const TRIES = { final: 1, answered: 4, gone: 8 } as const;

/** An engine may say as much as it wants. */
const MOST_WORDS = 600;

/** How often a pull is tried at most when it fails like this. */
export function triesFor(error: unknown): number {
  if (error instanceof EngineGone) return TRIES.gone;
  if (!(error instanceof EngineError)) return TRIES.final;
  const { status, message } = error;
  if (status === 429 || status >= 500) return isRefusal(message) ? TRIES.final : TRIES.answered;
  // In the middle of the stream, where most engines give no status: a connection to the registry that
  // broke, but for what says that no other try can help.
  if (status === 0) return isRefusal(message) || hasNoPlatform(message) ? TRIES.final : TRIES.answered;
  return TRIES.final;
}

/** True where another credential might help, so that it is worth saying which one was used. */
export function isAboutCredentials(error: unknown): boolean {
  if (!(error instanceof EngineError)) return false;
  // Registries hide what exists from those who may not see it: 404.
  return [401, 403, 404].includes(error.status) || isRefusal(error.message);
}

/**
 * Engines have no code for this: a registry's 401 and 403 come as 500 (seen with 20.10), and only the
 * error codes of the registry protocol in the text tell them apart. They must be: a wrong password that
 * is tried again and again locks its account.
 */
function isRefusal(message: string): boolean {
  return /(?:^|: )(?:unauthorized|denied)(?::|$)|no basic auth credentials/.test(message);
}

/** Said in the middle of a stream (20.10). */
function hasNoPlatform(message: string): boolean {
  return message.includes("no matching manifest for ");
}

/** The engine's own words, of a length that fits a log line. */
export function failureWords(error: unknown): string {
  const words = wordsOf(error).trim() || "the engine did not say why";
  return words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}...` : words;
}
