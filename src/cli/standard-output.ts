/**
 * What a command says on standard output. The runtime writes into a pipe as its reader goes on, and the end of the
 * process does not wait for that: of a long status a reader that took its time once got the first 64 KiB.
 */
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { EXIT } from "./exit-status.ts";

export interface StandardOutput {
  readonly write: (text: string) => void;
  /** Fires when nobody reads any more, or nothing more can be written. */
  readonly gone: AbortSignal;
}

/** The status of `work` once all that it said is written; another one, with words, where that cannot be done. */
export async function onStandardOutput(work: (output: StandardOutput) => Promise<number>): Promise<number> {
  const gone = new AbortController();
  const failed = Promise.withResolvers<void>();
  const fail = (error: unknown) => {
    gone.abort(error);
    failed.resolve();
  };
  let written = Promise.resolve();
  // Without a listener the runtime shows a piece of its own source.
  process.stdout.on("error", fail);
  const write = (text: string) => {
    if (gone.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // One after the other: the last is written when all are.
    written = promise;
    try {
      process.stdout.write(text, (error) => (error ? fail(error) : resolve()));
    } catch (error) {
      // Deno's way to say so, of a file.
      fail(error);
    }
  };
  const status = await work({ write, gone: gone.signal });
  await Promise.race([written, failed.promise]);
  // Who reads no more has read enough, as `head` does.
  if (!gone.signal.aborted || codeOf(gone.signal.reason) === "EPIPE") return status;
  process.stderr.write(`oz-agent-worker: Cannot write to standard output: ${wordsOf(gone.signal.reason)}\n`);
  return EXIT.couldNotStart;
}
