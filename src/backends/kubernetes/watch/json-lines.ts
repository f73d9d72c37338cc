/** The JSON values of a stream that holds one on each line. */

/** A watched object is limited by the server to about 1.5 MiB; what is longer is no line of it. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** Ends with the stream; a last line without its end was cut and is left out. Throws on what is not JSON. */
export async function* jsonLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw new Error("a line of the watch is too long");
    for (const line of lines) {
      if (line.trim() !== "") yield JSON.parse(line);
    }
  }
}
