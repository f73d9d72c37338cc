/**
 * Streams of JSON values. Engines send one a line; what stands in for them, or between, also sends them back to back, or
 * one over many lines. So a value ends where its brackets do.
 */
import type { ByteStream } from "./exchange.ts";
import { notTheApi } from "./refusal.ts";

/** A line of progress has a few hundred characters, an event with many labels a few thousand. */
const LONGEST_VALUE = 1024 * 1024;

/** Yields each value as soon as it is whole. @throws EngineError for what is no JSON: whoever sends that is not the engine */
export async function* readJsonLines(body: ByteStream): AsyncIterable<unknown> {
  const decoder = new TextDecoder();
  const values = new ValueCutter();
  for await (const bytes of body) {
    for (const text of values.push(decoder.decode(bytes, { stream: true }))) yield parse(text);
    if (values.rest.length > LONGEST_VALUE) throw notTheApi(200, values.rest);
  }
  for (const text of values.push(decoder.decode())) yield parse(text);
  if (values.rest.trim() !== "") yield parse(values.rest);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notTheApi(200, text);
  }
}

/** Cuts text into what may be values: from a bracket to its counterpart, and anything else to the end of its line. */
class ValueCutter {
  /** What came of a value that is not whole yet. */
  rest = "";
  /** How much of it has been looked at: of a value in a thousand pieces, each is looked at once. */
  #at = 0;
  #depth = 0;
  #inText = false;

  push(text: string): string[] {
    this.rest += text;
    const values: string[] = [];
    for (let end = this.#endOfValue(); end !== null; end = this.#endOfValue()) {
      const value = this.rest.slice(0, end);
      this.rest = this.rest.slice(end);
      this.#at = 0;
      if (value.trim() !== "") values.push(value);
    }
    return values;
  }

  #endOfValue(): number | null {
    if (this.#depth === 0) {
      this.rest = this.rest.trimStart();
      if (!/^[[{]/.test(this.rest)) {
        const end = this.rest.indexOf("\n", this.#at);
        this.#at = this.rest.length;
        return end === -1 ? null : end + 1;
      }
    }
    while (this.#at < this.rest.length) if (this.#isLast(this.rest[this.#at++])) return this.#at;
    return null;
  }

  /** Whether the value ends with this character. */
  #isLast(character: string | undefined): boolean {
    if (this.#inText) {
      // What is escaped, a quotation mark too, is passed over.
      if (character === "\\") this.#at++;
      else if (character === '"') this.#inText = false;
      return false;
    }
    if (character === '"') this.#inText = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") this.#depth--;
    return this.#depth === 0;
  }
}
