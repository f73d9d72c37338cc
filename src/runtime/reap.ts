/** Takes the exit status of a child that this process did not start. */
import { openCLibrary } from "./c-library.ts";

const WITHOUT_WAITING = 1;

/** The process is out of the system's table, if it was a child and has ended. */
export type Reap = (pid: number) => void;

/** Null where the C library cannot be reached. */
export function openReap(): Reap | null {
  const library = openCLibrary({ waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" } });
  return library === null ? null : (pid) => void library.waitpid(pid, null, WITHOUT_WAITING);
}
