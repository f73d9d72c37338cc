/** A piece of this process's memory that the kernel knows and the runtime does not. */
import { foreignFunctions } from "./c-library.ts";

/** What is written into it is written there. Addresses that are not this process's end it: they have to be the kernel's own. */
export function ownMemory(address: number, bytes: number): Uint8Array {
  return new Uint8Array(foreignFunctions().toArrayBuffer(address as never, 0, bytes));
}
