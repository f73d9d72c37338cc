import { describe, expect, test } from "bun:test";
import { buildIdOf } from "../../../src/runtime/build-id.ts";
import { startParts } from "../../../src/runtime/start-parts.ts";
import { TempDir } from "../../support/temp-dir.ts";

test("the list is read as blocks and runs of them", () => {
  expect(startParts("3 5+2")).toEqual([
    { start: 3 * 65_536, bytes: 65_536 },
    { start: 5 * 65_536, bytes: 2 * 65_536 },
  ]);
});

test("what is in the list is in order, and in no part twice", () => {
  let end = 0;
  for (const { start, bytes } of startParts()) {
    expect(start).toBeGreaterThan(end);
    expect(bytes).toBeGreaterThan(0);
    end = start + bytes;
  }
});

describe("a build's id", () => {
  async function idIn(content: string) {
    await using dir = await TempDir.create();
    return buildIdOf(await dir.write("program", Buffer.from(content, "latin1")));
  }
  const NOTE = "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";

  test("is in its note", async () => {
    expect(await idIn(`\x7fELF......${NOTE}\x01\x02${"\xff".repeat(18)}more`)).toBe(`0102${"ff".repeat(18)}`);
  });

  test("is none where there is no note, or another one", async () => {
    expect(await idIn("#!/bin/sh\n")).toBeNull();
    expect(await idIn("")).toBeNull();
    expect(await idIn(`\x7fELF${NOTE.replace("\x03", "\x01")}${"\xff".repeat(20)}`)).toBeNull();
  });
});
