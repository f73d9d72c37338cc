import { describe, expect, test } from "bun:test";
import { relative } from "node:path";
import { findOz } from "../../../../src/backends/direct/oz-path.ts";
import { BackendUnusable } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";

async function folders(): Promise<TempDir> {
  const dir = await TempDir.create("oz");
  await dir.write("a/oz", "#!/bin/sh\n", 0o755);
  await dir.write("b/oz", "#!/bin/sh\n", 0o755);
  await dir.write("plain/oz", "", 0o644);
  await dir.mkdir("folder/oz");
  return dir;
}

function refusal(configured: string | null, path: string): string {
  try {
    return `found ${findOz(configured, path)}`;
  } catch (error) {
    if (error instanceof BackendUnusable) return error.message;
    throw error;
  }
}

describe("without oz_path", () => {
  test("the first executable file named oz on PATH is taken", async () => {
    await using dir = await folders();
    const path = ["/nowhere", dir.join("plain"), dir.join("folder"), dir.join("b"), dir.join("a")].join(":");
    expect(findOz(null, path)).toBe(dir.join("b", "oz"));
  });

  test.each(["", ":", ".:", "relative:"])("the working folder is not searched for PATH=%j", async (path) => {
    expect(refusal(null, path)).toStartWith('Cannot find the agent "oz" on PATH');
  });

  test("what was searched and what to do is said", async () => {
    await using dir = await folders();
    expect(refusal(null, dir.join("plain"))).toBe(
      `Cannot find the agent "oz" on PATH (${dir.join("plain")}); install the oz CLI or set backend.direct.oz_path`,
    );
    expect(refusal(null, "")).toContain("PATH is empty");
  });
});

describe("oz_path", () => {
  test("may be absolute, relative to the working folder, or a name on PATH, and becomes absolute", async () => {
    await using dir = await folders();
    const file = dir.join("a", "oz");
    expect(findOz(file, "")).toBe(file);
    expect(findOz(relative(process.cwd(), file), "")).toBe(file);
    expect(findOz("oz", dir.join("a"))).toBe(file);
  });

  test.each([
    ["none/oz", "there is no such file"],
    ["plain/oz", "it is not an executable file"],
    ["folder/oz", "it is not an executable file"],
  ])("%s is refused: %s", async (name, why) => {
    await using dir = await folders();
    const words = refusal(dir.join(name), dir.join("a"));
    expect(words).toStartWith(`Cannot use the agent "${dir.join(name)}" (oz_path): ${why}; `);
    expect(words).toContain("backend.direct.oz_path");
  });

  // Once: Bun's statSync throws ENOTDIR in spite of throwIfNoEntry, so the operator sees that and no hint.
  test("below a file is refused in the same words", async () => {
    await using dir = await folders();
    expect(refusal(dir.join("a", "oz", "below"), "")).toContain("there is no such file");
  });

  test("that is a name which PATH does not have is refused", async () => {
    expect(refusal("no-such-agent", "/bin")).toContain("there is no such file");
  });
});
