/** Which signals this process takes only later: none, whatever whoever started it has blocked. */

import { blocksSignals, NO_SIGNALS, SET_MASK } from "./blocked-signals.ts";
import { foreignFunctions, openCLibrary } from "./c-library.ts";

/** Where the C library cannot be reached, what was blocked stays so. */
export function unblockSignals(): void {
  if (!blocksSignals()) return;
  const library = openCLibrary({ sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" } });
  library?.sigprocmask(SET_MASK, foreignFunctions().ptr(NO_SIGNALS), null);
}
