/** Functions of the C library that the runtime has no way of its own for. */
import { dlopen, type FFIFunction } from "bun:ffi";
import { C_LIBRARIES } from "./c-libraries.ts";

/** Null where the C library cannot be reached, or does not have all of these. */
export function openCLibrary<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const library of C_LIBRARIES) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Not this platform's name of the C library.
    }
  }
  return null;
}
