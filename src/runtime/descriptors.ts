/** Descriptors for a child's input and output that the runtime itself does not give. */
import { closeSync, writeSync } from "node:fs";
import { foreignFunctions, openCLibrary } from "./c-library.ts";

/** So that no other child inherits them, and holds them open. */
const CLOSE_ON_EXEC = { pipe: 0o2000000, memory: 1 } as const;

const MAKE_MEMORY = "memfd_create";

/** Unlike a socket, which is what the runtime makes, it can be opened again by name: /dev/stderr. */
export interface Pipe {
  readonly readEnd: number;
  /** To be closed here once the child has it. */
  readonly writeEnd: number;
  /** To the end, which closes the read end; once. */
  read(): AsyncIterable<Uint8Array>;
}

export interface DescriptorMaker {
  /** Null where there is no pipe2, and when no descriptor is left. */
  openPipe(): Pipe | null;
  /**
   * A file that lies in memory only, to be read from its beginning; to be closed here once the child
   * has it. Null where there are none. The runtime's own would stay open until it is collected.
   */
  openMemory(content: string): number | null;
}

export function descriptorMaker(): DescriptorMaker {
  const pipes = openCLibrary({ pipe2: { args: ["ptr", "i32"], returns: "i32" } });
  const memory = openCLibrary({ [MAKE_MEMORY]: { args: ["ptr", "u32"], returns: "i32" } });
  const { ptr } = foreignFunctions();
  const name = Buffer.from("stdin\0");
  return {
    openPipe: () => {
      const ends = new Int32Array(2);
      if (pipes === null || pipes.pipe2(ptr(ends), CLOSE_ON_EXEC.pipe) !== 0) return null;
      const [readEnd = -1, writeEnd = -1] = ends;
      return { readEnd, writeEnd, read: () => readAll(readEnd) };
    },
    openMemory: (content) => {
      const descriptor = memory?.[MAKE_MEMORY](ptr(name), CLOSE_ON_EXEC.memory) ?? -1;
      if (descriptor < 0) return null;
      try {
        writeAll(descriptor, Buffer.from(content));
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
      return descriptor;
    },
  };
}

/** By position, which leaves the reader at the beginning. */
function writeAll(descriptor: number, bytes: Buffer): void {
  let at = 0;
  while (at < bytes.length) at += writeSync(descriptor, bytes, at, bytes.length - at, at);
}

async function* readAll(descriptor: number): AsyncIterable<Uint8Array> {
  try {
    yield* Bun.file(descriptor).stream();
  } finally {
    closeSync(descriptor);
  }
}
