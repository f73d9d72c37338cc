/** What Bun says to whoever wrote the call, behind what is of use to the operator. */
const ASIDES =
  /\.? (?:Is the computer able to access the url\?|For more information, pass `verbose: true`.*)$/;

/** What a thrown thing says of itself, for a log line or a message; never throws. */
export function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message.replace(ASIDES, "");
  try {
    return String(error);
  } catch {
    return "something without words was thrown";
  }
}

/** The word that the system or a library has for it (`ENOENT`); null: it has none. Never throws. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
