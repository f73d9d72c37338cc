/** What Bun's fetch asks its user where there is no connection: no answer to the operator, who wants one. */
const QUESTION = ". Is the computer able to access the url?";

/** What a thrown thing says of itself, for a log line or a message; never throws. */
export function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message.replace(QUESTION, "");
  try {
    return String(error);
  } catch {
    return "something without words was thrown";
  }
}
