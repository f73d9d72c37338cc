/** What of files is mapped into a process, as Linux tells in /proc/PID/maps and /proc/PID/pagemap. */
import { closeSync, openSync, readSync } from "node:fs";

/** Whole pages. */
export interface Mapping {
  /** An address. */
  readonly start: number;
  readonly bytes: number;
}

/** `addresses permissions offset device inode path`; a private one that nobody can write. */
const UNWRITABLE = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(\/.*)$/;

/**
 * Of the file at `path`. `maps`: the text of /proc/PID/maps. A part that was writable once (relocations) may
 * differ from the file.
 */
export function unwritableMappings(maps: string, path: string): Mapping[] {
  return maps.split("\n").flatMap((line) => {
    // Most lines are of other files, and nothing is made of them.
    const [, from, to, mapped] = (line.endsWith(path) ? UNWRITABLE.exec(line) : null) ?? [];
    if (from === undefined || to === undefined || mapped !== path) return [];
    const start = Number.parseInt(from, 16);
    return [{ start, bytes: Number.parseInt(to, 16) - start }];
  });
}

/** What of `wanted` lies in these. */
export function partsOf(mappings: readonly Mapping[], wanted: readonly Mapping[]): Mapping[] {
  return mappings.flatMap((mapping) =>
    wanted.flatMap((part) => {
      const start = Math.max(mapping.start, part.start);
      const end = Math.min(mapping.start + mapping.bytes, part.start + part.bytes);
      return end > start ? [{ start, bytes: end - start }] : [];
    }),
  );
}

/** The kernel's admin-guide/mm/pagemap.rst: 64 bits for each page, of which these are 63, 62 and 61. */
const ENTRY_BYTES = 8;
const PRESENT = 0x80;
const SWAPPED = 0x40;
const OF_FILE = 0x20;
const ENTRIES_AT_ONCE = 1024;

export interface PageTable {
  /** The path of /proc/PID/pagemap. */
  readonly pagemap: string;
  readonly pageBytes: number;
}

/** Those of which no page differs from the file's: whatever is taken out of memory comes back as it was. */
export function unchangedOf(mappings: readonly Mapping[], { pagemap, pageBytes }: PageTable): Mapping[] {
  const file = openSync(pagemap, "r");
  // One for all, so that to look at 100 MB takes no more memory than that.
  const entries = Buffer.alloc(ENTRIES_AT_ONCE * ENTRY_BYTES);
  try {
    return mappings.filter(({ start, bytes }) =>
      isUnchanged(file, entries, { first: start / pageBytes, end: (start + bytes) / pageBytes }),
    );
  } finally {
    closeSync(file);
  }
}

interface Pages {
  readonly first: number;
  readonly end: number;
}

function isUnchanged(pagemap: number, entries: Buffer, { first, end }: Pages): boolean {
  for (let at = first * ENTRY_BYTES; at < end * ENTRY_BYTES; at += entries.length) {
    const wanted = Math.min(entries.length, end * ENTRY_BYTES - at);
    if (readSync(pagemap, entries, 0, wanted, at) !== wanted) return false;
    for (let top = ENTRY_BYTES - 1; top < wanted; top += ENTRY_BYTES) {
      const flags = entries[top] ?? SWAPPED;
      if ((flags & SWAPPED) !== 0 || (flags & (PRESENT | OF_FILE)) === PRESENT) return false;
    }
  }
  return true;
}
