import { describe, expect, test } from "bun:test";
import { partsOf, unchangedOf, unwritableMappings } from "../../../src/runtime/mappings.ts";
import { TempDir } from "../../support/temp-dir.ts";

const PROGRAM = "/opt/oz agent/worker (deleted)";

test("only what is the program's, this process's alone, and not to be written, is taken into account", () => {
  const maps = [
    `00200000-01a39000 r--p 00000000 fe:00 123                       ${PROGRAM}`,
    `01a40000-0684a000 r-xp 01838000 fe:00 123                       ${PROGRAM}`,
    `06867000-0736b000 rw-p 0665e000 fe:00 123                       ${PROGRAM}`,
    `07370000-07371000 r--s 0665f000 fe:00 123                       ${PROGRAM}`,
    `07372000-07373000 ---p 0665f000 fe:00 123                       ${PROGRAM}`,
    `07380000-07381000 r--p 0665f000 fe:00 99                        /elsewhere${PROGRAM}`,
    "44a29c00000-44a69c00000 r-xp 00000000 00:00 0 ",
    "7fce34ab5000-7fce34c0b000 r-xp 00026000 fe:00 77                /usr/lib/libc.so.6",
    "7fff70dd2000-7fff70dd4000 r-xp 00000000 00:00 0                 [vdso]",
    "",
  ].join("\n");
  expect(unwritableMappings(maps, PROGRAM)).toEqual([
    { start: 0x200000, bytes: 0x1839000 },
    { start: 0x1a40000, bytes: 0x4e0a000 },
  ]);
  expect(unwritableMappings("", PROGRAM)).toEqual([]);
});

test("of a part, what lies in the program and no more is given back", () => {
  const mappings = [
    { start: 100, bytes: 50 },
    { start: 200, bytes: 100 },
  ];
  const wanted = [
    { start: 0, bytes: 100 },
    { start: 90, bytes: 20 },
    { start: 140, bytes: 100 },
    { start: 250, bytes: 10 },
    { start: 290, bytes: 1_000 },
  ];
  expect(partsOf(mappings, wanted)).toEqual([
    { start: 100, bytes: 10 },
    { start: 140, bytes: 10 },
    { start: 200, bytes: 40 },
    { start: 250, bytes: 10 },
    { start: 290, bytes: 10 },
  ]);
});

const NOT_THERE = 0n;
const PRESENT = 1n << 63n;
const SWAPPED = 1n << 62n;
const OF_FILE = 1n << 61n;
/** The kernel says more of a page than is asked: whether it is mapped once, where it lies. */
const MORE = (1n << 56n) | 0x1234n;

/** Pages from address 0 on; parts are given in pages. Which of them are unchanged, by their first. */
async function unchanged(
  pages: readonly bigint[],
  parts: readonly (readonly [from: number, to: number])[],
  pageBytes = 4096,
): Promise<number[]> {
  await using dir = await TempDir.create();
  const pagemap = await dir.write("pagemap", new Uint8Array(BigUint64Array.from(pages).buffer));
  const mappings = parts.map(([from, to]) => ({ start: from * pageBytes, bytes: (to - from) * pageBytes }));
  return unchangedOf(mappings, { pagemap, pageBytes }).map(({ start }) => start / pageBytes);
}

describe("what is given back has no page that differs from its file:", () => {
  const file = PRESENT | OF_FILE | MORE;
  const pages = [file, NOT_THERE, file, PRESENT | MORE, NOT_THERE, file, SWAPPED, SWAPPED | OF_FILE, file];
  const parts = [
    [0, 3],
    [2, 4],
    [4, 6],
    [5, 7],
    [7, 8],
    [8, 9],
  ] as const;

  test.each([4096, 65_536])("in memory or swapped out, in pages of %d bytes", async (pageBytes) => {
    expect(await unchanged(pages, parts, pageBytes)).toEqual([0, 4, 8]);
  });

  test("of a large part each counts, the last too", async () => {
    const large = Array.from({ length: 5_000 }, () => PRESENT | OF_FILE);
    expect(await unchanged(large, [[0, 5_000]])).toEqual([0]);
    for (const at of [0, 1023, 1024, 4_999]) {
      expect(await unchanged(large.with(at, PRESENT), [[0, 5_000]])).toEqual([]);
    }
  });

  test("and what the kernel does not tell of stays", async () => {
    expect(await unchanged([file], [[0, 2]])).toEqual([]);
  });
});
