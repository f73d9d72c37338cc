/** Streams of JSON values, one a line, cut anywhere. */
import { notTheApi } from "./calls.ts";
import type { ByteStream } from "./exchange.ts";

/** A line of progress has a few hundred characters, an event with many labels a few thousand. */
const LONGEST_LINE = 1024 * 1024;

/** @throws EngineError for a line that is no JSON: whoever sends that is not the engine */
export async function* readJsonLines(body: ByteStream): AsyncIterable<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseLine(line);
    if (rest.length > LONGEST_LINE) throw notTheApi(200, rest);
  }
  rest += decoder.decode();
  if (rest.trim() !== "") yield parseLine(rest);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw notTheApi(200, line);
  }
}
