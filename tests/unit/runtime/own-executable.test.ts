import { expect, test } from "bun:test";
import { link } from "node:fs/promises";
import { ownExecutable } from "../../../src/runtime/own-executable.ts";
import { TempDir } from "../../support/temp-dir.ts";

test("the program starts itself through /proc, unless what runs there is its emulator", async () => {
  await using dir = await TempDir.create("self");
  const running = await dir.write("exe", "this program");
  const emulator = await dir.write("qemu", "another program");
  await link(running, dir.join("same"));
  // The one that runs, also after an upgrade has put another one in its place.
  expect(ownExecutable(running, dir.join("same"))).toBe(running);
  expect(ownExecutable(running, `${dir.join("same")} (deleted)`)).toBe(running);
  // Under qemu the kernel knows of qemu only; and there are systems without /proc.
  expect(ownExecutable(emulator, running)).toBe(running);
  expect(ownExecutable(dir.join("no/proc"), running)).toBe(running);
});
