/** The archives that the images of the live tests are made of, as another program reads them. */
import { expect, test } from "bun:test";
import { type TarEntry, tarOf } from "../../../scripts/services/tar.ts";

const ENTRIES: readonly TarEntry[] = [
  { path: "d", kind: "folder", mode: 0o1777 },
  { path: "d/plain", kind: "file", content: "x".repeat(513) },
  { path: "d/tool", kind: "file", content: "#!/bin/sh\n", mode: 0o4755, owner: 1000 },
  { path: "d/link", kind: "symlink", target: "plain" },
  { path: "d/twin", kind: "hardlink", target: "d/tool", mode: 0o4755, owner: 1000 },
];

test("an archive has each entry with its kind, mode, owner, size and target", () => {
  const argv = ["tar", "--list", "--verbose", "--numeric-owner", "--file=-"];
  const { stdout, exitCode } = Bun.spawnSync(argv, { stdin: tarOf(ENTRIES), env: { PATH: "/usr/bin:/bin" } });
  expect(exitCode).toBe(0);
  const lines = stdout.toString().trimEnd().split("\n");
  // Without the date.
  expect(lines.map((line) => line.replace(/\s+/g, " ").replace(/ \d{4}-\d\d-\d\d \d\d:\d\d/, ""))).toEqual([
    "drwxrwxrwt 0/0 0 d/",
    "-rw-r--r-- 0/0 513 d/plain",
    "-rwsr-xr-x 1000/1000 10 d/tool",
    "lrwxrwxrwx 0/0 0 d/link -> plain",
    "hrwsr-xr-x 1000/1000 0 d/twin link to d/tool",
  ]);
});

test("a name that does not fit is refused rather than cut", () => {
  expect(() => tarOf([{ path: "n".repeat(101), kind: "file", content: "" }])).toThrow("Too long");
});
