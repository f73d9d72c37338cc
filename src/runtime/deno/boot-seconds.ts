/** The same by Deno's own way into the C library. */
import type { BootSeconds } from "../boot-seconds.ts";
import { openCFunctions } from "./c-functions.ts";

const READ_CLOCK = "clock_gettime";
const BOOT_TIME = 7;

export function openBootSeconds(): BootSeconds | null {
  const library = openCFunctions({ [READ_CLOCK]: { parameters: ["i32", "buffer"], result: "i32" } });
  if (library === null) return null;
  const time = new BigUint64Array(2);
  return () => {
    library[READ_CLOCK](BOOT_TIME, time);
    return Number(time[0]) + Number(time[1]) / 1e9;
  };
}
