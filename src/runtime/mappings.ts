/** What of a file is mapped into a process, as Linux tells in /proc/PID/smaps. */

export interface Mapping {
  /** An address. */
  readonly start: number;
  readonly bytes: number;
}

/** `addresses permissions offset device inode path` */
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(.*)$/;
const UNCHANGED: readonly RegExp[] = [/^Private_Dirty: +0 kB$/, /^Anonymous: +0 kB$/, /^Swap: +0 kB$/];

/**
 * Those parts of the file that nobody here can write, and of which no page differs from the file's: whatever
 * is taken out of memory comes back as it was. A part that was writable once (relocations) may differ.
 */
export function unchangedMappings(smaps: string, path: string): Mapping[] {
  const found: Mapping[] = [];
  let current: Mapping | null = null;
  let proofs = 0;
  for (const line of smaps.split("\n")) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, from = "", to = "", permissions = "", mapped = ""] = head;
      const start = Number.parseInt(from, 16);
      const fits = mapped === path && !permissions.includes("w") && permissions.endsWith("p");
      current = fits ? { start, bytes: Number.parseInt(to, 16) - start } : null;
      proofs = 0;
    } else if (current !== null && UNCHANGED.some((proof) => proof.test(line))) {
      proofs += 1;
      if (proofs === UNCHANGED.length) found.push(current);
    }
  }
  return found;
}
