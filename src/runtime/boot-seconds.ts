/** The kernel's own clock since the boot, also where what /proc shows of it is made up. */
import { foreignFunctions, openCLibrary } from "./c-library.ts";

const READ_CLOCK = "clock_gettime";
/** CLOCK_BOOTTIME, by which the kernel notes when each process was started. */
const BOOT_TIME = 7;

/** In seconds, with their fractions. */
export type BootSeconds = () => number;

/** Null where the C library cannot be reached. */
export function openBootSeconds(): BootSeconds | null {
  const library = openCLibrary({ [READ_CLOCK]: { args: ["i32", "ptr"], returns: "i32" } });
  if (library === null) return null;
  const { ptr } = foreignFunctions();
  // The kernel's struct timespec: seconds, then nanoseconds.
  const time = new BigInt64Array(2);
  return () => {
    library[READ_CLOCK](BOOT_TIME, ptr(time));
    return Number(time[0]) + Number(time[1]) / 1e9;
  };
}
