import { expect, test } from "bun:test";
import { unchangedMappings } from "../../../src/runtime/mappings.ts";

const PROGRAM = "/opt/oz agent/worker (deleted)";

function part(head: string, { dirtyKb = 0, anonymousKb = 0, swapKb = 0 } = {}): string {
  return [
    head,
    "Size:               4096 kB",
    "Rss:                1024 kB",
    `Private_Dirty:  ${String(dirtyKb).padStart(8)} kB`,
    `Anonymous:      ${String(anonymousKb).padStart(8)} kB`,
    "AnonHugePages:         0 kB",
    `Swap:           ${String(swapKb).padStart(8)} kB`,
    "VmFlags: rd ex mr mw me",
  ].join("\n");
}

test("only what nobody can have changed of the program is given back: never a page that differs from the file", () => {
  const smaps = [
    part(`00200000-01a39000 r--p 00000000 fe:00 123                       ${PROGRAM}`),
    part(`01a40000-0684a000 r-xp 01838000 fe:00 123                       ${PROGRAM}`),
    // Relocations: read-only by now, but the file does not have what is in it.
    part(`0684a000-0685f000 r--p 06641000 fe:00 123                       ${PROGRAM}`, { anonymousKb: 60 }),
    part(`06860000-06861000 r-xp 06642000 fe:00 123                       ${PROGRAM}`, { dirtyKb: 4 }),
    part(`06862000-06863000 r--p 06644000 fe:00 123                       ${PROGRAM}`, { swapKb: 4 }),
    part(`06867000-0736b000 rw-p 0665e000 fe:00 123                       ${PROGRAM}`),
    part(`07370000-07371000 r--s 0665f000 fe:00 123                       ${PROGRAM}`),
    part("7fce34ab5000-7fce34c0b000 r-xp 00026000 fe:00 77                /usr/lib/libc.so.6"),
    part("44a29c00000-44a69c00000 r-xp 00000000 00:00 0 "),
  ].join("\n");
  expect(unchangedMappings(smaps, PROGRAM)).toEqual([
    { start: 0x200000, bytes: 0x1839000 },
    { start: 0x1a40000, bytes: 0x4e0a000 },
  ]);
});

test("what does not tell enough gives nothing back", () => {
  expect(unchangedMappings("", PROGRAM)).toEqual([]);
  expect(unchangedMappings(`00200000-01a39000 r-xp 00000000 fe:00 123   ${PROGRAM}\n`, PROGRAM)).toEqual([]);
});
