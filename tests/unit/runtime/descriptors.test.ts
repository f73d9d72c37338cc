import { expect, test } from "bun:test";

test("a file in memory that cannot be written leaves no descriptor open", async () => {
  const file = new URL("../../../src/runtime/descriptors.ts", import.meta.url).pathname;
  const code = `
    const { readdirSync } = await import("node:fs");
    const { openMemory } = (await import("${file}")).descriptorMaker();
    const count = () => readdirSync("/proc/self/fd").length;
    const before = count();
    let refusal = "none";
    try {
      openMemory("x".repeat(4096));
    } catch (error) {
      refusal = error.code;
    }
    console.log(refusal, count() - before);`;
  // No file may be longer than a block or two; the signal that tells of it would end the process.
  const limited = `trap '' XFSZ; ulimit -f 1; "$0" -e "$1"`;
  const child = Bun.spawn(["/bin/sh", "-c", limited, process.execPath, code], {
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("EFBIG 0");
});
