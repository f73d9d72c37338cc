/**
 * The input of a worker that `dev` started is a pipe which dev holds open and never writes to. A dev that
 * was killed, or whose terminal was closed, cannot stop its worker, which once ran on for ever; but the
 * system closes its pipe.
 */
import { rmSync } from "node:fs";
import type { StopRequest } from "../async/stop-request.ts";

/**
 * Asks for a stop when standard input ends while `work` goes on. The scratch folder goes with the end of the work, for
 * whoever made it may be gone by then: each `dev` that was ended by a second Ctrl-C once left one.
 */
export async function untilInputEnds(
  stop: StopRequest,
  scratchDir: string | null,
  work: () => Promise<number>,
): Promise<number> {
  whenInputEnds(() => stop.insist());
  try {
    return await work();
  } finally {
    if (scratchDir !== null) rmSync(scratchDir, { recursive: true, force: true });
  }
}

function whenInputEnds(ended: () => void): void {
  const input = process.stdin;
  for (const event of ["end", "error"]) input.once(event, ended);
  input.resume();
}
