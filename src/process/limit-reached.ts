/** What is to be raised when the system starts nothing more, for each limit is set in several places. */

export const PROCESS_LIMITS =
  "a limit of processes is reached: of the user (ulimit -u), of the service (TasksMax) or of the container";
const OPEN_FILES_LIMITS = "a limit of open files is reached (ulimit -n, LimitNOFILE)";
const MEMORY_LIMITS =
  "there is not enough memory: of the host, of the service (MemoryMax), of the container, or the host grants no more than it has (vm.overcommit_memory)";

/** `code`: the system's error name. Null: it speaks of no limit. */
export function limitReached(code: string): string | null {
  switch (code) {
    case "EAGAIN":
      return PROCESS_LIMITS;
    case "EMFILE":
    case "ENFILE":
      return OPEN_FILES_LIMITS;
    case "ENOMEM":
      return MEMORY_LIMITS;
    default:
      return null;
  }
}
