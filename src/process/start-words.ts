/**
 * What the system shows of how this process was started: its arguments and its environment, in /proc/PID/cmdline and
 * /proc/PID/environ, as they lie in its memory. Whoever has the same user can read both, and so can an agent.
 */
import { readFileSync } from "node:fs";
import { ownMemory } from "../runtime/own-memory.ts";
import { statFields } from "./process-table.ts";

/** Among `statFields`: where arguments and environment begin and end. Source: proc_pid_stat(5). */
const FIRST_BOUND = 45;
const MASK = "*".charCodeAt(0);
const END_OF_WORD = 0;
const EQUALS = "=".charCodeAt(0);

/**
 * Puts stars where one of the values is a word, or all of it that is after the first "=". Linux only, and never throws.
 * The runtime has copied them by now, and this program too.
 */
export function maskStartWords(values: readonly (string | null | undefined)[]): void {
  const secrets = values.flatMap((value) => (value ? [Buffer.from(value)] : []));
  if (process.platform !== "linux" || secrets.length === 0) return;
  try {
    const [argsFrom = 0, argsTo = 0, environmentFrom = 0, environmentTo = 0] = bounds();
    maskBetween(argsFrom, argsTo, secrets);
    maskBetween(environmentFrom, environmentTo, secrets);
  } catch {
    // Where it cannot be masked it stays as it is everywhere else.
  }
}

/** Zeros where the kernel does not tell. */
function bounds(): number[] {
  const fields = statFields(readFileSync("/proc/self/stat", "latin1"));
  return fields.slice(FIRST_BOUND, FIRST_BOUND + 4).map(Number);
}

function maskBetween(from: number, to: number, secrets: readonly Buffer[]): void {
  if (!(from > 0 && to > from)) return;
  const { buffer, byteOffset, byteLength } = ownMemory(from, to - from);
  maskWords(Buffer.from(buffer, byteOffset, byteLength), secrets);
}

/** `words`: each ended by a zero. */
export function maskWords(words: Buffer, secrets: readonly Buffer[]): void {
  for (let begin = 0; begin < words.length; ) {
    const zero = words.indexOf(END_OF_WORD, begin);
    const end = zero < 0 ? words.length : zero;
    const equals = words.indexOf(EQUALS, begin);
    const value = equals < 0 || equals > end ? end : equals + 1;
    for (const start of [begin, value]) {
      const word = words.subarray(start, end);
      if (secrets.some((secret) => word.equals(secret))) word.fill(MASK);
    }
    begin = end + 1;
  }
}
