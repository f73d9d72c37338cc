/** What an engine says when it refuses, or whoever answered in its place. */
import { EngineError } from "./errors.ts";
import type { ByteStream } from "./exchange.ts";
import { fieldsOf, textOf } from "./fields.ts";

/** Enough of an error's page to know where it comes from. */
export const LARGEST_REFUSAL_BYTES = 64 * 1024;
const QUOTED_CHARACTERS = 120;

/** In the engine's own words, where it is the engine. */
export function refusalOf(status: number, text: string): EngineError {
  // Podman sends some of its errors twice in one answer.
  for (const part of new Set([text, text.split("\n", 1)[0] ?? ""])) {
    try {
      const words = textOf(fieldsOf(JSON.parse(part)), "message", "cause");
      if (words !== "") return new EngineError(status, words);
    } catch {
      // Whoever this is, it is not the engine.
    }
  }
  return notTheApi(status, text);
}

/** An error that quotes the beginning of what came instead. */
export function notTheApi(status: number, text: string): EngineError {
  // What came may be as large as any answer, and some pages are searched through again and again.
  const words = text
    .slice(0, LARGEST_REFUSAL_BYTES)
    .replace(/<(style|script)\b.*?<\/\1>/gis, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  const quoted = words === "" ? "nothing" : JSON.stringify(words.slice(0, QUOTED_CHARACTERS));
  return new EngineError(
    status,
    `It answered with status ${status} and something that is not the Docker API (is a proxy in between?): ${quoted}`,
    true,
  );
}

/** The whole of it; of one that is larger, so much that whoever reads it finds it cut. */
export async function readText(body: ByteStream, mostBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    size += bytes.length;
    if (size > mostBytes) break;
  }
  return text + decoder.decode();
}
