/** What Deno starts inherits the mask of the thread that starts it: see the file of this name above. */
import { blocksSignals, NO_SIGNALS, SET_MASK } from "../blocked-signals.ts";
import { openCFunctions } from "./c-functions.ts";

export function unblockSignals(): void {
  if (!blocksSignals()) return;
  const library = openCFunctions({
    sigprocmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  });
  library?.sigprocmask(SET_MASK, NO_SIGNALS, NO_SIGNALS.slice());
}
