/** Functions of the C library that the runtime has no way of its own for. */
import { dlopen, type FFIFunction } from "bun:ffi";

const LIBRARIES = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
] as const;

/** Null where the C library cannot be reached, or does not have all of these. */
export function openCLibrary<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Not this platform's name of the C library.
    }
  }
  return null;
}
