/** Pipes of the kernel's, for a child's output: unlike a socket, one can be opened again by name. */
import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { openCLibrary } from "./c-library.ts";

/** So that no other child inherits an end of it, and holds it open. */
const CLOSE_ON_EXEC = 0o2000000;

/** Descriptors of this process. */
export interface Pipe {
  readonly readEnd: number;
  /** To be closed here once the child has it. */
  readonly writeEnd: number;
  /** To the end, which closes the read end; once. */
  read(): AsyncIterable<Uint8Array>;
}

/** The opener gives null where the C library has no pipe2, and when no descriptor is left. */
export function pipeOpener(): () => Pipe | null {
  const library = openCLibrary({ pipe2: { args: ["ptr", "i32"], returns: "i32" } });
  if (library === null) return () => null;
  return () => {
    const ends = new Int32Array(2);
    if (library.pipe2(ptr(ends), CLOSE_ON_EXEC) !== 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    return { readEnd, writeEnd, read: () => readAll(readEnd) };
  };
}

async function* readAll(descriptor: number): AsyncIterable<Uint8Array> {
  try {
    yield* Bun.file(descriptor).stream();
  } finally {
    closeSync(descriptor);
  }
}
