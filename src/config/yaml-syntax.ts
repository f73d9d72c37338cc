/** What the YAML parser complains of, in words for the operator and without the text itself, which may hold secrets. */
import type { ErrorCode, YAMLError } from "yaml";

/** Only what people do write; the parser's own words do for the rest. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: "YAML does not allow tabs for indentation; use spaces",
  BAD_INDENT: "The indentation does not fit the lines above, or a bracket above is not closed",
  MULTIPLE_DOCS: "The file holds more than one YAML document; keep one",
  MULTILINE_IMPLICIT_KEY: "A key must be on one line; is a colon, a quote or an indentation wrong here?",
  BLOCK_AS_IMPLICIT_KEY: 'A line holds two keys; quote a value that contains ": "',
  RESOURCE_EXHAUSTION: "The file is nested too deeply or its aliases expand to too much",
};

export function syntaxProblem(error: YAMLError, text: string): string {
  if (error.code === "DUPLICATE_KEY") return `The key "${keyAt(text, error.pos[0])}" is given twice`;
  // One code for whatever is missing; of a quote its end is, which is looked for up to the end of the file.
  if (error.code === "MISSING_CHAR" && error.message.includes("quote")) return "A quote above is not closed";
  return WORDS[error.code] ?? `The YAML is not well-formed: ${withoutSource(error.message)}`;
}

function keyAt(text: string, offset: number): string {
  return /^["']?([^:\s"']*)/.exec(text.slice(offset, offset + 200))?.[1] ?? "";
}

/** Some messages end with a piece of the text, in quotes or bare. */
function withoutSource(message: string): string {
  return message
    .replace(/:? ["'`].*$/s, "")
    .replace(/(?<=\w): .*$/s, "")
    .replace(/\.$/, "");
}
