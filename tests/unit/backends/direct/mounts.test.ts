import { expect, test } from "bun:test";
import { mountPointIn } from "../../../../src/backends/direct/mounts.ts";

const line = (point: string) =>
  `36 35 98:0 /mnt1 ${point} rw,noatime master:1 - ext3 /dev/root rw,errors=continue`;
const table = (...points: readonly string[]) => `${points.map(line).join("\n")}\n`;

test.each([
  ["below it", ["/", "/ws/t/home"], "/ws/t", "/ws/t/home"],
  ["deep below it", ["/", "/ws/t/a/b/c"], "/ws/t", "/ws/t/a/b/c"],
  ["upon it", ["/", "/ws/t"], "/ws/t", "/ws/t"],
  ["above it", ["/", "/ws"], "/ws/t", null],
  ["beside it, by a name that begins like its own", ["/", "/ws/t2", "/ws/t-kept/x"], "/ws/t", null],
  ["in it, with a blank and a backslash in the name", ["/ws/a\\040b/c\\134d"], "/ws/a b", "/ws/a b/c\\d"],
  ["in it, with letters that are not ASCII", [Buffer.from("/ws/ü/é").toString("latin1")], "/ws/ü", "/ws/ü/é"],
])("what is mounted %s", (_where, points, dir, found) => {
  expect(mountPointIn(table(...points), dir)).toBe(found);
});

test("a system that keeps no table says that nothing is mounted", () => {
  expect(mountPointIn("", "/ws/t")).toBeNull();
});
