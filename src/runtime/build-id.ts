/** How the linker named a build of this runtime. */
import { closeSync, openSync, readSync } from "node:fs";

/** The note lies at the beginning of the file, which is as far as is read. */
const HEAD_BYTES = 1024;
/** elf(5): the lengths of name and content, the type (NT_GNU_BUILD_ID), the name. */
const NOTE = Buffer.from("\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0", "latin1");
const ID_BYTES = 20;

/** In hexadecimal; null: there is none. */
export function buildIdOf(executable: string): string | null {
  const file = openSync(executable, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(file, head, 0, HEAD_BYTES, 0);
    const at = head.indexOf(NOTE);
    return at === -1 ? null : head.toString("hex", at + NOTE.length, at + NOTE.length + ID_BYTES);
  } finally {
    closeSync(file);
  }
}
