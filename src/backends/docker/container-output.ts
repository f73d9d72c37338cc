/** What a container that ended has printed: to the log, and a few words of it for the one who asks why. */

import type { Logger } from "../../logging/logger.ts";
import type { Redact } from "../../logging/redact.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { builtInEnvironment } from "../../task/prepare.ts";
import type { Containers } from "./engine/containers.ts";
import { type OutputLine, OutputTail, shortened } from "./output-tail.ts";
import { persist } from "./persist.ts";

/** The engine finds so many at the end of its file without reading the rest. */
const MOST_LINES = 2_000;
const READ_MS = 30_000;
/** One answer that was cut does not cost a failed task its last words; an engine that is away holds up no report. */
const AGAIN_MS = 5_000;
const QUOTED_LINES = 10;
const QUOTED_CHARACTERS = 1_024;

/** Logs it, at info when the task failed and at debug otherwise. Never throws. */
export async function showOutput(
  containers: Pick<Containers, "logs">,
  id: string,
  { failed, redact }: { readonly failed: boolean; readonly redact: Redact },
  log: Logger,
): Promise<readonly OutputLine[]> {
  const lines = await readOutput(containers, id, log);
  const show: Logger["info"] = failed ? log.info : log.debug;
  for (const { stream, text } of lines) show("task output", { stream, text: shortened(redact(text)) });
  return lines;
}

/** Never throws: an engine without the output of a container still knows how it ended. */
async function readOutput(
  containers: Pick<Containers, "logs">,
  id: string,
  log: Logger,
): Promise<readonly OutputLine[]> {
  let tail = new OutputTail();
  const readAll = async (signal: AbortSignal) => {
    tail = new OutputTail();
    for await (const chunk of containers.logs(id, MOST_LINES, signal)) tail.add(chunk);
  };
  try {
    await persist(readAll, AbortSignal.timeout(READ_MS), AGAIN_MS);
  } catch (error) {
    log.warn("cannot read the container's output", { error: wordsOf(error) });
  }
  return tail.lines();
}

/**
 * The last words, for a failure message that leaves this host; null when there are none, or when a
 * secret is among them.
 */
export function quoteOutput(lines: readonly OutputLine[], redact: Redact): string | null {
  const text = lines
    .slice(-QUOTED_LINES)
    .map((line) => line.text)
    .join("\n")
    .trim();
  // Before it is cut: of a secret at the cut only half would be left, which nobody would recognize.
  return text === "" || redact(text) !== text ? null : text.slice(-QUOTED_CHARACTERS);
}

/** Set in every task or by nearly every image, and nobody's secret. */
const PUBLIC: readonly string[] = [...Object.keys(builtInEnvironment("", "")), "PATH", "HOME"];

/** `env`: NAME=VALUE, of a container. */
export function secretsOf(env: readonly string[]): readonly string[] {
  return env
    .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)] as const)
    .filter(([name]) => !PUBLIC.includes(name))
    .map(([, value]) => value);
}
