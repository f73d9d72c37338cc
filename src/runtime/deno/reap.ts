/** The same by Deno's own way into the C library. */
import type { Reap } from "../reap.ts";
import { openCFunctions } from "./c-functions.ts";

const WITHOUT_WAITING = 1;

export function openReap(): Reap | null {
  const library = openCFunctions({ waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" } });
  if (library === null) return null;
  const status = new BigUint64Array(1);
  return (pid) => void library.waitpid(pid, status, WITHOUT_WAITING);
}
