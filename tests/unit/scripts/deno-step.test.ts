/** What the step `deno` leaves out is still there to be left out. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { CANNOT_HOLD, SPARED } from "../../../scripts/suite/deno-left-out.ts";

const ROOT = resolve(import.meta.dir, "../../..");

async function everyTest(): Promise<string> {
  const paths = await Array.fromAsync(new Bun.Glob("tests/binary/*.test.ts").scan({ cwd: ROOT }));
  return (await Promise.all(paths.map((path) => Bun.file(join(ROOT, path)).text()))).join("\n");
}

describe("what is left out under Deno", () => {
  test.each([...CANNOT_HOLD.files, ...SPARED.files].map(({ what }) => what))("is a file: %s", (path) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
  });

  test.each([...CANNOT_HOLD.tests, ...SPARED.tests].map(({ within, what }) => [within, what]))(
    "is a test: %s %s",
    async (within, what) => {
      const all = await everyTest();
      for (const name of [within, what]) expect(all).toContain(`"${name}`);
    },
  );
});
