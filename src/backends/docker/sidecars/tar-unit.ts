/**
 * One entry of a tar archive without its data: its header, and what stands before it and belongs to it,
 * such as a name that is too long for a header (PAX `x`, GNU `L` and `K`). Pure.
 */

export interface TarUnit {
  /** Without `./` and slashes at either end; empty: the root itself. */
  readonly path: string;
  /** Where a link leads, as it is written; empty for what is none. */
  readonly link: string;
  /** One character; see TAR_TYPES. */
  readonly type: string;
  readonly sizeBytes: number;
  /** Of the headers, and of what belongs to them: the data, padded, follow. */
  readonly headBytes: number;
}

export const TAR_TYPES = { file: "0", hardLink: "1", symlink: "2", folder: "5" } as const;

/** `more`: cut off; `end`: of the archive; `strange`: not to be understood here. */
export type NoUnit = "more" | "end" | "strange";

export const TAR_BLOCK_BYTES = 512;
/** What Go's reader and GNU tar take too. */
const LONGEST_EXTRA_BYTES = 1024 * 1024;
/** What is not here, such as GNU's sparse files, may have more blocks than its size tells. */
const FORMS: Readonly<Record<string, "extra" | "data" | "bare">> = {
  x: "extra",
  L: "extra",
  K: "extra",
  "0": "data",
  "\0": "data",
  "7": "data",
  "1": "bare",
  "2": "bare",
  "3": "bare",
  "4": "bare",
  "5": "bare",
  "6": "bare",
};

interface Extras {
  readonly path?: string;
  readonly link?: string;
  readonly sizeBytes?: number;
}

export function paddedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

/** What begins at `start`. */
export function readTarUnit(bytes: Uint8Array, start: number): TarUnit | NoUnit {
  let extras: Extras = {};
  for (let at = start; ; ) {
    const block = bytes.subarray(at, at + TAR_BLOCK_BYTES);
    if (block.length < TAR_BLOCK_BYTES) return "more";
    const first = at === start;
    if (first && block[0] === 0 && block.every((byte) => byte === 0)) return "end";
    const type = String.fromCharCode(block[156] ?? 0);
    const form = FORMS[type];
    const sizeBytes = numberAt(block, 124, 12);
    if (form === undefined || sizeBytes === null || !hasItsSum(block)) return "strange";
    at += TAR_BLOCK_BYTES;
    if (form !== "extra") {
      // As Go's reader, which is the engine's: no data, whatever is said of its size.
      const dataBytes = form === "bare" ? 0 : (extras.sizeBytes ?? sizeBytes);
      return { ...namesOf(block, type, extras), sizeBytes: dataBytes, headBytes: at - start };
    }
    if (sizeBytes > LONGEST_EXTRA_BYTES) return "strange";
    const data = bytes.subarray(at, at + sizeBytes);
    at += paddedBytes(sizeBytes);
    if (at > bytes.length) return "more";
    const read = readExtra(type, data);
    if (read === null) return "strange";
    extras = { ...extras, ...read };
  }
}

/** All formats that engines write have it. */
export function hasTarMagic(bytes: Uint8Array, start: number): boolean {
  return textAt(bytes, start + 257, 5) === "ustar";
}

function namesOf(block: Uint8Array, type: string, extras: Extras): Pick<TarUnit, "path" | "link" | "type"> {
  const prefix = textAt(block, 257, 6) === "ustar" ? textAt(block, 345, 155) : "";
  const name = textAt(block, 0, 100);
  const isLink = type === TAR_TYPES.hardLink || type === TAR_TYPES.symlink;
  return {
    path: plainPath(extras.path ?? (prefix === "" ? name : `${prefix}/${name}`)),
    link: isLink ? (extras.link ?? textAt(block, 157, 100)) : "",
    type: type === "\0" || type === "7" ? TAR_TYPES.file : type,
  };
}

export function plainPath(path: string): string {
  return path.replace(/^(?:\.?\/+)+|^\.$|\/+$/g, "");
}

/** Null when it cannot be read. */
function readExtra(type: string, data: Uint8Array): Extras | null {
  if (type === "L") return { path: textAt(data, 0, data.length) };
  if (type === "K") return { link: textAt(data, 0, data.length) };
  let extras: Extras = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = Number(space < 0 ? "" : text(data.subarray(at, space)));
    const end = at + length;
    if (!Number.isSafeInteger(length) || end <= space + 1 || end > data.length) return null;
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text(data.subarray(space + 1, end - 1))) ?? [];
    // A sparse file's own way of naming things.
    if (key.startsWith("GNU.sparse.")) return null;
    if (key === "path") extras = { ...extras, path: value };
    if (key === "linkpath") extras = { ...extras, link: value };
    if (key === "size") {
      if (!/^\d{1,15}$/.test(value)) return null;
      extras = { ...extras, sizeBytes: Number(value) };
    }
    at = end;
  }
  return extras;
}

/** Octal digits, or, for what is larger, the first bit set and a number to the base of 256. */
function numberAt(block: Uint8Array, offset: number, width: number): number | null {
  const field = block.subarray(offset, offset + width);
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.reduce((sum, byte, index) => sum * 256 + (index === 0 ? byte & 0x7f : byte), 0);
    return Number.isSafeInteger(value) ? value : null;
  }
  const digits = textAt(field, 0, width).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(`0${digits}`, 8) : null;
}

/** Its own field counts as spaces. */
function hasItsSum(block: Uint8Array): boolean {
  let sum = 8 * 0x20;
  for (let at = 0; at < TAR_BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return numberAt(block, 148, 8) === sum;
}

/** Up to the first zero. */
function textAt(bytes: Uint8Array, offset: number, width: number): string {
  const field = bytes.subarray(offset, offset + width);
  const end = field.indexOf(0);
  return text(end < 0 ? field : field.subarray(0, end));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
