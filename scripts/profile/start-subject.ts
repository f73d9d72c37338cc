/**
 * The executable whose start is profiled: only of one kind there is a list, and of any other a profile would come to
 * nothing after some minutes, and take the place of the list. Sources: elf.h, and the x86-64 psABI.
 */
import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { buildIdOf } from "../../src/runtime/build-id.ts";

/** The headers, and the loader's name behind them. */
const HEAD_BYTES = 4096;
const MAGIC = Buffer.from("\x7fELF", "latin1");
const CLASS_AT = 4;
const CLASS_64 = 2;
const MACHINE_AT = 18;
const MACHINE_X86_64 = 62;
const SEGMENTS_AT = 32;
const SEGMENT_BYTES_AT = 54;
const SEGMENTS_COUNT_AT = 56;
const PT_INTERP = 3;
const GLIBC_LOADER = "/lib64/ld-linux-x86-64.so.2";

/** The id of its runtime's build. Throws for one that cannot be profiled, with what to do. */
export function startSubjectId(path: string): string {
  // What a process has mapped is named so in /proc, and nothing would be found by another name.
  if (!isAbsolute(path)) throw new Error(`Cannot profile ${path}: give the whole path, from / on`);
  const head = readHead(path);
  const real = realpathSync(path);
  if (real !== path) throw new Error(`Cannot profile ${path}: it is a link; give the file itself, ${real}`);
  if (!isX64(head)) {
    throw new Error(`Cannot profile ${path}: it is no executable for Linux on x64, and the list is of one`);
  }
  const loader = loaderOf(head);
  if (loader !== GLIBC_LOADER) {
    const found = loader === null ? "it needs none" : `it needs ${loader}`;
    throw new Error(`Cannot profile ${path}: the list is of one that glibc's loader starts, and ${found}`);
  }
  const id = buildIdOf(path);
  if (id === null) throw new Error(`Cannot profile ${path}: its runtime has no build id to know it again by`);
  return id;
}

function readHead(path: string): Buffer {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw new Error(`Cannot profile ${path}: it cannot be read; run scripts/build first`, { cause: error });
  }
  try {
    // Zeros where the file is shorter.
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(file, head, 0, HEAD_BYTES, 0);
    return head;
  } finally {
    closeSync(file);
  }
}

function isX64(head: Buffer): boolean {
  const isElf = head.subarray(0, MAGIC.length).equals(MAGIC);
  return isElf && head[CLASS_AT] === CLASS_64 && head.readUInt16LE(MACHINE_AT) === MACHINE_X86_64;
}

/** Null: it is loaded by the kernel alone. */
function loaderOf(head: Buffer): string | null {
  const first = Number(head.readBigUInt64LE(SEGMENTS_AT));
  const bytes = head.readUInt16LE(SEGMENT_BYTES_AT);
  for (let index = 0; index < head.readUInt16LE(SEGMENTS_COUNT_AT); index++) {
    const segment = head.subarray(first + index * bytes, first + (index + 1) * bytes);
    if (segment.length < 40 || segment.readUInt32LE(0) !== PT_INTERP) continue;
    const at = Number(segment.readBigUInt64LE(8));
    const length = Number(segment.readBigUInt64LE(32));
    return head.toString("latin1", at, at + length).replace(/\0.*$/s, "");
  }
  return null;
}
