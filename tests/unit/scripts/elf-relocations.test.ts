import { describe, expect, test } from "bun:test";
import { unpackAddresses, unpackRelocations } from "../../../scripts/services/elf-relocations.ts";

describe("packed relative relocations", () => {
  test.each([
    ["nothing", [], []],
    ["single addresses", [0x1000n, 0x2000n], [0x1000n, 0x2000n]],
    // Bit 1 is the word after the address, bit 2 the one after that.
    ["a run that follows an address", [0x1000n, 0b1011n], [0x1000n, 0x1008n, 0x1018n]],
    [
      "a second run, which starts 63 words later",
      [0x1000n, 1n | (1n << 63n), 0b11n],
      [0x1000n, 0x1008n + 62n * 8n, 0x1008n + 63n * 8n],
    ],
  ] as const)("are unpacked: %s", (_, words, addresses) => {
    expect(unpackAddresses(words)).toEqual([...addresses]);
  });

  test("a library without any stays as it is", () => {
    const library = new Uint8Array(64);
    expect(unpackRelocations(library)).toBe(library);
  });
});
