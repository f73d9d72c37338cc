/**
 * Signs an executable of macOS ad hoc, as Apple's linker does, so that macOS starts it as it was downloaded.
 * Bun does so for arm64; in what it builds for x64 the signature of its own runtime stays, which no longer
 * fits, and macOS kills what has one that does not fit.
 * Sources: mach-o/loader.h and kern/cs_blobs.h of Apple's open sources.
 */
import { createHash } from "node:crypto";

const MAGIC_64 = 0xfeedfacf;
const HEADER_BYTES = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const SUPER_BLOB = 0xfade0cc0;
const CODE_DIRECTORY = 0xfade0c02;
const CODE_DIRECTORY_VERSION = 0x20400;
/** CS_ADHOC and CS_LINKER_SIGNED: codesign takes the place of such a one without being forced to. */
const FLAGS = 0x20002;
const HASH_SHA256 = 2;
const HASH_BYTES = 32;
const PAGE_BITS = 12;
const PAGE_BYTES = 1 << PAGE_BITS;
const MEMORY_PAGE = 0x4000n;
const MAIN_BINARY = 1n;
const BLOB_AT = 20;
const DIRECTORY_BYTES = 88;

interface Command {
  readonly type: number;
  /** In the file. */
  readonly at: number;
}

/** @returns a new file; @throws for one that is no executable of 64 bits with room for a signature */
export function signAdHoc(executable: Uint8Array, identifier: string): Uint8Array {
  const commands = readCommands(executable);
  const view = viewOf(executable);
  const place = commands.find(({ type }) => type === LC_CODE_SIGNATURE);
  const text = segment(executable, commands, "__TEXT");
  const linkEdit = segment(executable, commands, "__LINKEDIT");
  if (place === undefined) throw new Error("The executable has no place for a signature");
  // What is signed ends where the signature begins, and that is the end of the file.
  const codeLimit = view.getUint32(place.at + 8, true);
  const pages = Math.ceil(codeLimit / PAGE_BYTES);
  const name = new TextEncoder().encode(`${identifier}\0`);
  const directoryBytes = DIRECTORY_BYTES + name.length + pages * HASH_BYTES;
  const signed = new Uint8Array(codeLimit + BLOB_AT + directoryBytes);
  signed.set(executable.subarray(0, codeLimit));
  const out = viewOf(signed);
  // They are in the first page, which is signed itself.
  out.setUint32(place.at + 12, BLOB_AT + directoryBytes, true);
  growLinkEdit(out, linkEdit);
  const [, , textOffset, textBytes] = rangeOf(out, text);
  writeSuperBlob(out, codeLimit, directoryBytes);
  writeDirectory(out, codeLimit + BLOB_AT, { directoryBytes, nameBytes: name.length, pages, codeLimit });
  out.setBigUint64(codeLimit + BLOB_AT + 64, textOffset, false);
  out.setBigUint64(codeLimit + BLOB_AT + 72, textBytes, false);
  out.setBigUint64(codeLimit + BLOB_AT + 80, MAIN_BINARY, false);
  signed.set(name, codeLimit + BLOB_AT + DIRECTORY_BYTES);
  const hashes = codeLimit + BLOB_AT + DIRECTORY_BYTES + name.length;
  for (let page = 0; page < pages; page++) {
    const end = Math.min((page + 1) * PAGE_BYTES, codeLimit);
    const hash = createHash("sha256")
      .update(signed.subarray(page * PAGE_BYTES, end))
      .digest();
    signed.set(hash, hashes + page * HASH_BYTES);
  }
  return signed;
}

/** The last segment, which ends with the file; in memory it has whole pages. */
function growLinkEdit(out: DataView, linkEdit: Command): void {
  const [, memoryBytes, offset] = rangeOf(out, linkEdit);
  const fileBytes = BigInt(out.byteLength) - offset;
  const wholePages = ((fileBytes + MEMORY_PAGE - 1n) / MEMORY_PAGE) * MEMORY_PAGE;
  out.setBigUint64(linkEdit.at + 48, fileBytes, true);
  if (fileBytes > memoryBytes) out.setBigUint64(linkEdit.at + 32, wholePages, true);
}

interface Directory {
  readonly directoryBytes: number;
  readonly nameBytes: number;
  readonly pages: number;
  readonly codeLimit: number;
}

/** All numbers of a signature are written with the high byte first. */
function writeSuperBlob(out: DataView, at: number, directoryBytes: number): void {
  for (const [index, word] of [SUPER_BLOB, BLOB_AT + directoryBytes, 1, 0, BLOB_AT].entries()) {
    out.setUint32(at + index * 4, word, false);
  }
}

/** Without its last three fields, the range and the flags of __TEXT. */
function writeDirectory(
  out: DataView,
  at: number,
  { directoryBytes, nameBytes, pages, codeLimit }: Directory,
): void {
  const words = [
    ...[CODE_DIRECTORY, directoryBytes, CODE_DIRECTORY_VERSION, FLAGS],
    ...[DIRECTORY_BYTES + nameBytes, DIRECTORY_BYTES, 0, pages, codeLimit],
    (HASH_BYTES << 24) | (HASH_SHA256 << 16) | PAGE_BITS,
  ];
  for (const [index, word] of words.entries()) out.setUint32(at + index * 4, word, false);
}

function readCommands(executable: Uint8Array): Command[] {
  const view = viewOf(executable);
  if (executable.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC_64) {
    throw new Error("This is no executable of macOS for 64 bits");
  }
  const commands: Command[] = [];
  let at = HEADER_BYTES;
  for (let left = view.getUint32(16, true); left > 0; left--) {
    commands.push({ type: view.getUint32(at, true), at });
    at += view.getUint32(at + 4, true);
  }
  return commands;
}

function segment(executable: Uint8Array, commands: readonly Command[], name: string): Command {
  const named = ({ type, at }: Command) =>
    type === LC_SEGMENT_64 &&
    Buffer.from(executable.subarray(at + 8, at + 24))
      .toString("latin1")
      .startsWith(`${name}\0`);
  const found = commands.find(named);
  if (found === undefined) throw new Error(`The executable has no segment ${name}`);
  return found;
}

/** Address and size in memory, offset and size in the file. */
function rangeOf(view: DataView, { at }: Command): [bigint, bigint, bigint, bigint] {
  const word = (offset: number) => view.getBigUint64(at + offset, true);
  return [word(24), word(32), word(40), word(48)];
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
