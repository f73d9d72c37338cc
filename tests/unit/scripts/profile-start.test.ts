/** What the profile of a start refuses, before it begins and before it writes. */
import { describe, expect, test } from "bun:test";
import { readFileSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { renderStartList } from "../../../scripts/profile/start-list.ts";
import { TempDir } from "../../support/temp-dir.ts";

const ROOT = join(import.meta.dir, "../../..");
const LIST = join(ROOT, "src/runtime/start-blocks.ts");
const GLIBC = "/lib64/ld-linux-x86-64.so.2";
const MUSL = "/lib/ld-musl-x86_64.so.1";
const X64 = 62;
const ARM64 = 183;

/** The headers of one, with a loader and no build id: elf(5). */
function elf(machine: number, loader: string): Buffer {
  const head = Buffer.alloc(200);
  head.write("\x7fELF\x02\x01\x01", "latin1");
  head.writeUInt16LE(machine, 18);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(3, 64);
  head.writeBigUInt64LE(120n, 72);
  head.writeBigUInt64LE(BigInt(loader.length + 1), 96);
  head.write(loader, 120, "latin1");
  return head;
}

async function profile(worker: string) {
  const before = readFileSync(LIST, "utf8");
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts/profile-start.ts")], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", OZ_TEST_BINARY: worker },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const words = await child.stderr.text();
  expect(await child.exited).toBe(1);
  expect(readFileSync(LIST, "utf8")).toBe(before);
  return words;
}

// Each worked on for three minutes, and then wrote a list of nothing over the good one.
describe("the profile of a start refuses", () => {
  test("an executable by half of its path", async () => {
    expect(await profile("dist/oz-agent-worker")).toBe(
      "profile-start: Cannot profile dist/oz-agent-worker: give the whole path, from / on\n",
    );
  });

  test.each([
    ["a script", Buffer.from("#!/bin/sh\n"), "it is no executable for Linux on x64, and the list is of one"],
    ["one for arm64", elf(ARM64, GLIBC), "it is no executable for Linux on x64, and the list is of one"],
    ["one for musl", elf(X64, MUSL), `the list is of one that glibc's loader starts, and it needs ${MUSL}`],
    ["one without a name", elf(X64, GLIBC), "its runtime has no build id to know it again by"],
  ])("%s", async (_what, content, why) => {
    await using dir = await TempDir.create("profile");
    const path = await dir.write("worker", content);
    expect(await profile(realpathSync(path))).toBe(
      `profile-start: Cannot profile ${realpathSync(path)}: ${why}\n`,
    );
  });

  test("one that is not there", async () => {
    await using dir = await TempDir.create("profile");
    expect(await profile(dir.join("none"))).toEndWith("it cannot be read; run scripts/build first\n");
  });

  test("a link, and names what it leads to", async () => {
    await using dir = await TempDir.create("profile");
    const path = realpathSync(await dir.write("worker", elf(X64, GLIBC)));
    symlinkSync(path, dir.join("link"));
    expect(await profile(dir.join("link"))).toEndWith(`it is a link; give the file itself, ${path}\n`);
  });
});

test("a profile that found nothing makes no list", () => {
  expect(() => renderStartList("ab", [])).toThrow("Nothing was found that only a start uses");
});

test("the list has neighbours as one", () => {
  const list = renderStartList("ab12", [3, 5, 6, 7, 9]);
  expect(list).toContain('export const BUILD_ID = "ab12";');
  expect(list).toContain('"3 5+3 9";');
});
