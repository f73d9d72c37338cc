/** As much of an answer as anybody wants to read. */

/** More than any answer that says something, and little enough for one that never ends. */
const LARGEST_ANSWER_BYTES = 64 * 1024;

/** Ends the connection when there is more. */
export async function beginningOf(response: Response): Promise<Uint8Array> {
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  // The usual answer, without the memory that reading piece by piece costs.
  if (length <= LARGEST_ANSWER_BYTES) return new Uint8Array(await response.arrayBuffer());
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    // Leaving the loop ends the connection.
    if (size >= LARGEST_ANSWER_BYTES) break;
  }
  return Buffer.concat(pieces).subarray(0, LARGEST_ANSWER_BYTES);
}
