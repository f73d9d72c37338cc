import { describe, expect, test } from "bun:test";
import { mkdir, realpath, symlink } from "node:fs/promises";
import { ownProgram } from "../../../src/service/own-program.ts";
import { TempDir } from "../../support/temp-dir.ts";

// Whoever keeps versions side by side exchanges a link, and the service went on with the old version.
describe("the program of a service", () => {
  async function versions() {
    const dir = await TempDir.create("program");
    const root = await realpath(dir.path);
    await dir.write("1.0/bin/oz", "");
    await mkdir(dir.join("bin"));
    await symlink(`${root}/1.0/bin/oz`, dir.join("bin/oz"));
    await symlink("1.0", dir.join("current"));
    return { dir, root, execPath: `${root}/1.0/bin/oz` };
  }

  test.each([
    ["oz", "/nowhere:ROOT/bin", "ROOT/bin/oz"],
    ["oz", "ROOT/current/bin", "ROOT/current/bin/oz"],
    ["ROOT/bin/oz", "", "ROOT/bin/oz"],
    ["./bin/oz", "", "ROOT/bin/oz"],
    // The folder of the file itself, by whatever other way, such as /bin for /usr/bin.
    ["oz", "ROOT/current/bin:ROOT/1.0/bin", "ROOT/1.0/bin/oz"],
    // What does not lead there.
    ["another", "ROOT/bin", "ROOT/1.0/bin/oz"],
    ["", "", "ROOT/1.0/bin/oz"],
  ])("started as %s with the PATH %s is %s", async (argv0, path, program) => {
    const { dir, root, execPath } = await versions();
    await using _ = dir;
    const real = (text: string) => text.replaceAll("ROOT", root);
    expect(ownProgram({ argv0: real(argv0), execPath }, real(path), root)).toBe(real(program));
  });
});
