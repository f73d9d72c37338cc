/** Why a program was not started under a shim. */
import { codeOf, wordsOf } from "../../logging/words-of.ts";
import { howItEnded, SIGKILLED } from "../how-it-ended.ts";
import { limitReached, PROCESS_LIMITS } from "../limit-reached.ts";

/** The code of a refusal that is not the system's: whether the program was started is not known. */
export const SHIM_KILLED = "ESHIM";
/** Of another: there is no shim, so it was not. */
const NO_SHIM = "ENOSHIM";

/** The system's refusal to start a program, in its words, and with what is to be raised where they speak of a limit. */
export class SpawnRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(withLimit(code, message), options);
    this.name = "SpawnRefused";
    this.code = code;
  }
}

/** The shim itself cannot be started. */
export function withoutShim(cause: unknown): SpawnRefused {
  const why = withLimit(codeOf(cause) ?? "", wordsOf(cause));
  const message = `the process that supervises the agents cannot be started: ${why}`;
  return new SpawnRefused(NO_SHIM, message, { cause });
}

/**
 * The shim ended, which it never does by itself while it has something to do. One that has not said a word may
 * not even have come up: where a thread too many is refused, the runtime ends itself.
 */
export function shimEnded(status: number, hasSpoken: boolean): SpawnRefused {
  const who = "the process that supervises the agents";
  // Nothing ends itself so.
  if (status === SIGKILLED) return new SpawnRefused(SHIM_KILLED, `${who} was killed`);
  const unborn = hasSpoken ? "" : ` before it had started anything; perhaps ${PROCESS_LIMITS}`;
  return new SpawnRefused(SHIM_KILLED, `${who} ${howItEnded(status)}${unborn}`);
}

function withLimit(code: string, words: string): string {
  const limit = limitReached(code);
  return limit === null ? words : `${words}; ${limit}`;
}
