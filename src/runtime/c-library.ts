/** Functions of the C library that the runtime has no way of its own for. */
import type { FFIFunction } from "bun:ffi";
import { C_LIBRARIES } from "./c-libraries.ts";

/** Not imported: a start does without it, and it costs a third of a millisecond. */
export function foreignFunctions(): typeof import("bun:ffi") {
  return process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
}

/** Null where the C library cannot be reached, or does not have all of these. */
export function openCLibrary<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  const { dlopen } = foreignFunctions();
  for (const library of C_LIBRARIES) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Not this platform's name of the C library.
    }
  }
  return null;
}
