/** Functions of the C library, by Deno.dlopen. */
import { C_LIBRARIES } from "../c-libraries.ts";
import { type DenoForeignFunction, type DenoSymbols, deno } from "./deno-global.ts";

const SET_DESCRIPTOR_FLAGS = 2;
const CLOSE_ON_EXEC = 1;

/** Null where the C library cannot be reached, or does not have all of these. */
export function openCFunctions<Names extends string>(
  functions: Readonly<Record<Names, DenoForeignFunction>>,
): DenoSymbols<Names> | null {
  for (const library of C_LIBRARIES) {
    try {
      return deno.dlopen(library, functions).symbols;
    } catch {
      // Not this platform's name of the C library.
    }
  }
  return null;
}

/** No child that is started from now on inherits it. */
export function closeOnExec(descriptor: number): void {
  const library = openCFunctions({ fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" } });
  library?.fcntl(descriptor, SET_DESCRIPTOR_FLAGS, CLOSE_ON_EXEC);
}
