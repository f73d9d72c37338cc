/** What a thrown thing says of itself, for a log line or a message; never throws. */
export function wordsOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return "something without words was thrown";
  }
}
