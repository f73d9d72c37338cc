/**
 * The executables for macOS and Windows, as far as they can be judged where they do not run: what their
 * headers say, and whether macOS would find that they are signed. The release starts them on real ones.
 */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { signAdHoc } from "../../scripts/release/mach-o.ts";
import { ROOT } from "../../scripts/release/source.ts";
import { TARGETS } from "../../scripts/release/targets.ts";
import { TempDir } from "../support/temp-dir.ts";

const PAGE_BYTES = 4096;
const CPU_TYPES = { "darwin-x64": 0x01000007, "darwin-arm64": 0x0100000c } as const;
const LC_BUILD_VERSION = 0x32;
const LC_CODE_SIGNATURE = 0x1d;

async function build(name: string, dir: TempDir): Promise<Buffer> {
  const target = TARGETS.find((one) => one.name === name)?.bun ?? "";
  const outfile = dir.join(name);
  const argv = [process.execPath, "scripts/build.ts", "--target", target, "--outfile", outfile];
  const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} failed: ${stderr}`);
  return await readFile(outfile);
}

function commandsOf(file: Buffer): Map<number, Buffer> {
  const commands = new Map<number, Buffer>();
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const size = file.readUInt32LE(at + 4);
    commands.set(file.readUInt32LE(at), file.subarray(at, at + size));
    at += size;
  }
  return commands;
}

describe.each(["darwin-x64", "darwin-arm64"] as const)("the executable for %s", (name) => {
  test("is one of that machine, for macOS 13 and later, and its signature fits every page", async () => {
    await using dir = await TempDir.create("macos");
    const file = await build(name, dir);
    expect([file.readUInt32LE(0), file.readUInt32LE(4), file.readUInt32LE(12)]).toEqual([
      0xfeedfacf,
      CPU_TYPES[name],
      2,
    ]);
    const commands = commandsOf(file);
    const version = commands.get(LC_BUILD_VERSION);
    expect([version?.readUInt32LE(8), version?.readUInt32LE(12)]).toEqual([1, 13 << 16]);
    const place = commands.get(LC_CODE_SIGNATURE);
    const [begin = 0, bytes = 0] = [place?.readUInt32LE(8), place?.readUInt32LE(12)];
    expect(begin + bytes).toBe(file.length);
    const directory = file.subarray(begin + file.readUInt32BE(begin + 16));
    const word = (index: number) => directory.readUInt32BE(index * 4);
    expect({ magic: word(0), flags: word(3), codeLimit: word(8) }).toEqual({
      magic: 0xfade0c02,
      flags: 0x20002,
      codeLimit: begin,
    });
    const [hashes, pages] = [word(4), word(7)];
    expect(pages).toBe(Math.ceil(begin / PAGE_BYTES));
    const wrong = Array.from({ length: pages }, (_, page) => page).filter((page) => {
      const content = file.subarray(page * PAGE_BYTES, Math.min((page + 1) * PAGE_BYTES, begin));
      const wanted = directory.subarray(hashes + page * 32, hashes + (page + 1) * 32);
      return !createHash("sha256").update(content).digest().equals(wanted);
    });
    expect(wrong).toEqual([]);
    // Bun signs what it builds for arm64 itself, under this name: the same bytes, where both do it.
    if (name === "darwin-arm64") {
      const argv = [
        process.execPath,
        "build",
        "--compile",
        "--target=bun-darwin-arm64",
        "--outfile",
        dir.join("own"),
      ];
      expect(Bun.spawnSync([...argv, "scripts/release/targets.ts"], { cwd: ROOT }).exitCode).toBe(0);
      const own = await readFile(dir.join("own"));
      expect(Buffer.compare(signAdHoc(own, "a.out"), own)).toBe(0);
    }
  }, 60_000);
});

test("the executable for Windows is a console program of x64 that Windows 10 starts", async () => {
  await using dir = await TempDir.create("windows");
  const file = await build("windows-x64", dir);
  expect(file.toString("latin1", 0, 2)).toBe("MZ");
  const header = file.readUInt32LE(0x3c);
  expect(file.toString("latin1", header, header + 4)).toBe("PE\0\0");
  const [machine, magic, system, subsystem] = [4, 24, 24 + 40, 24 + 68].map((at) =>
    file.readUInt16LE(header + at),
  );
  expect({ machine, magic, subsystem }).toEqual({ machine: 0x8664, magic: 0x20b, subsystem: 3 });
  expect(system).toBeLessThanOrEqual(10);
}, 60_000);
