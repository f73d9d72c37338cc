import { describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { openLogTarget } from "../../../src/logging/log-target.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { UnreadLog } from "../../support/unread-log.ts";

const linux = process.platform === "linux";

function isTold(descriptor: number): boolean {
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1] ?? "";
  return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
}

describe("the log's target", () => {
  test("is a file as it is, which never waits, and neither does /dev/null", async () => {
    await using dir = await TempDir.create("target");
    for (const path of [dir.join("log"), "/dev/null"]) {
      const descriptor = openSync(path, "a");
      expect(openLogTarget(descriptor)).toEqual({ descriptor, waits: false });
      closeSync(descriptor);
    }
  });

  test.skipIf(!linux).each(["pipe", "terminal"] as const)(
    "is an open file of our own where standard error is a %s, and that alone is told not to wait",
    async (kind) => {
      await using log = await UnreadLog[kind]();
      const target = openLogTarget(log.descriptor);
      expect(target.waits).toBe(false);
      expect(target.descriptor).not.toBe(log.descriptor);
      expect(isTold(target.descriptor)).toBe(true);
      // Agents have the same, and programs seldom expect to be told to try again.
      expect(isTold(log.descriptor)).toBe(false);
      closeSync(target.descriptor);
    },
  );

  test.skipIf(!linux)("is a socket itself, which cannot be opened again, and waits", async () => {
    await using log = await UnreadLog.socket();
    expect(openLogTarget(log.descriptor)).toEqual({ descriptor: log.descriptor, waits: true });
    expect(isTold(log.descriptor)).toBe(false);
  });

  test("that is closed waits for nobody", async () => {
    await using dir = await TempDir.create("target");
    const descriptor = openSync(dir.join("log"), "a");
    closeSync(descriptor);
    expect(openLogTarget(descriptor)).toEqual({ descriptor, waits: false });
  });
});
