/** `oz-agent-worker health`: asks a running worker, for images that have no curl. */
import { addressText, parseAddress } from "../config/address.ts";
import type { ListenAddress } from "../config/settings.ts";
import { visible } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { fetchDirectly } from "../runtime/direct-fetch.ts";
import { EXIT } from "./exit-status.ts";
import type { HealthQuestion } from "./health-question.ts";

/** Below the timeout of whoever starts this as a probe, mostly 5 s, its own start included, so that it is this that says why. */
const TIMEOUT_MS = 4_000;
const LONGEST_WORDS = 200;

/** 0: the worker says yes; 1: it says no, or nothing. */
export async function askHealth(
  { address, path }: HealthQuestion,
  write: (text: string) => void,
  writeError: (text: string) => void,
): Promise<number> {
  const url = `http://${addressText(reachable(parseAddress(address)))}${path}`;
  try {
    const response = await fetchDirectly(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "error",
    });
    const text = await response.text();
    if (response.ok) {
      write(text);
      return EXIT.ok;
    }
    writeError(`oz-agent-worker: ${url} says ${response.status}: ${firstLine(text)}\n`);
  } catch (error) {
    writeError(
      `oz-agent-worker: Cannot ask ${url}: ${wordsOf(error)}; is a worker running with --health-address ${address}?\n`,
    );
  }
  return EXIT.couldNotStart;
}

/** Somebody else may listen there: not a page of theirs, and nothing that a terminal would obey. */
function firstLine(text: string): string {
  const [line = ""] = text.trim().split("\n", 1);
  return visible(line.slice(0, LONGEST_WORDS));
}

/** What is listened on everywhere is asked for here. */
function reachable(address: ListenAddress | null): ListenAddress {
  const { host, port } = address ?? { host: "127.0.0.1", port: 0 };
  // Who listens on every address of IPv6 answers there, too, and a host may have no ::1.
  return host === "0.0.0.0" || host === "::" ? { host: "127.0.0.1", port } : { host, port };
}
