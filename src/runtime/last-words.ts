/** The end of what a program says: enough for the reason why it ended. */

const STDERR_TAIL = 2048;

/** Once the stream has ended. Never rejects. */
export async function lastWordsOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let tail = "";
  try {
    for await (const bytes of stream)
      tail = (tail + decoder.decode(bytes, { stream: true })).slice(-STDERR_TAIL);
  } catch {
    // What came before is all there is.
  }
  return tail.trim();
}
