import { describe, expect, test } from "bun:test";
import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { unzipSync } from "fflate";
import { packExecutable } from "../../../../scripts/release/archive.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const EXECUTABLE = { name: "oz-agent-worker", content: Buffer.from("#!/bin/sh\necho hi\n") };
const DOCUMENTS = { LICENSE: "licence\n", "THIRD-PARTY-NOTICES": "notices\n" };

describe("packExecutable", () => {
  test.each(["tar.gz", "zip"] as const)("gives the same bytes at another time: %s", async (kind) => {
    const first = packExecutable(kind, EXECUTABLE, DOCUMENTS);
    const clock = Date.now;
    // Both formats have room for a time, in steps of 1 s and of 2 s.
    Date.now = () => clock() + 1_000_000_000;
    try {
      expect(Buffer.compare(packExecutable(kind, EXECUTABLE, DOCUMENTS), first)).toBe(0);
    } finally {
      Date.now = clock;
    }
  });

  test("a gzip header carries no time and no name", () => {
    const archive = packExecutable("tar.gz", EXECUTABLE, DOCUMENTS);
    const [flags, ...time] = archive.subarray(3, 8);
    expect({ flags, time }).toEqual({ flags: 0, time: [0, 0, 0, 0] });
  });

  test("tar finds the executable first, may start it, and owns it to root", async () => {
    await using dir = await TempDir.create("archive");
    const file = await dir.write("a.tar.gz", packExecutable("tar.gz", EXECUTABLE, DOCUMENTS));
    const listed = Bun.spawnSync(["tar", "--numeric-owner", "-tvzf", file], {
      env: { ...process.env, TZ: "UTC" },
    });
    const lines = listed.stdout.toString().trim().split("\n");
    expect(lines.map((line) => line.replace(/\s+/g, " "))).toEqual([
      "-rwxr-xr-x 0/0 18 1970-01-01 00:00 oz-agent-worker",
      "-rw-r--r-- 0/0 8 1970-01-01 00:00 LICENSE",
      "-rw-r--r-- 0/0 8 1970-01-01 00:00 THIRD-PARTY-NOTICES",
    ]);
    await chmod(dir.path, 0o755);
    expect(Bun.spawnSync(["tar", "-xzf", file, "-C", dir.path]).exitCode).toBe(0);
    expect((await stat(dir.join("oz-agent-worker"))).mode & 0o777).toBe(0o755);
    expect(await readFile(dir.join("LICENSE"), "utf8")).toBe("licence\n");
    expect((await readdir(dir.path)).length).toBe(4);
  });

  test("a zip holds the same, its texts with an ending that Windows knows", () => {
    const files = unzipSync(packExecutable("zip", { ...EXECUTABLE, name: "oz-agent-worker.exe" }, DOCUMENTS));
    expect(Object.keys(files)).toEqual(["oz-agent-worker.exe", "LICENSE.txt", "THIRD-PARTY-NOTICES.txt"]);
    expect(Buffer.from(files["oz-agent-worker.exe"] ?? [])).toEqual(EXECUTABLE.content);
  });
});
