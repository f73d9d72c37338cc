/** What the end of a command means, in words for whoever runs the worker. Pure. */
import type { Redact } from "../../logging/redact.ts";
import { howItEnded } from "../../process/how-it-ended.ts";
import type { Exit, Exited } from "../../process/shim/client.ts";
import { lastWords } from "./last-words.ts";

/** The two that a shell gives when it could not start what it was to run. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** `name` is the setting's: "dispatch_command". */
export function failureWords(name: string, exit: Exited, redact: Redact): string {
  return withLastWords(`${name} ${whatItMeans(exit.status)}`, exit, redact);
}

export function overTimeWords(name: string, limitMs: number, exit: Exit, redact: Redact): string {
  const sentence = `${name} took longer than dispatch_timeout allows (${seconds(limitMs)}) and was ended`;
  return withLastWords(sentence, exit, redact);
}

function withLastWords(sentence: string, exit: Exit, redact: Redact): string {
  const said = exit.kind === "exited" && exit.said ? lastWords(exit.said.stderr, redact) : "";
  return said === "" ? sentence : `${sentence}: ${said}`;
}

function whatItMeans(status: number): string {
  if (status === NOT_EXECUTABLE) {
    return "could not be executed (status 126); see that the program is executable and its interpreter there";
  }
  if (status === NOT_FOUND) {
    return "was not found (status 127); see that the program is installed and on the worker's PATH";
  }
  return howItEnded(status);
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}
