/**
 * The input of a worker that `dev` started is a pipe which dev holds open and never writes to. A dev that
 * was killed, or whose terminal was closed, cannot stop its worker, which once ran on for ever; but the
 * system closes its pipe.
 */

export function whenInputEnds(ended: () => void): void {
  const input = process.stdin;
  for (const event of ["end", "error"]) input.once(event, ended);
  input.resume();
}
