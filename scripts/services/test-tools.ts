/**
 * Programs of others that tests and the gate call by name. A machine that has none of them gets them
 * from Debian's packages, unpacked in the cache; what the machine has of its own comes first.
 */
import { chmod, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { once } from "./cache-folder.ts";
import { type UnpackedPackages, unpackPackages } from "./debian-packages.ts";
import { mayProvide, Unavailable } from "./service.ts";

const PACKAGES = [
  ...["busybox-static", "shellcheck", "libgmp10", "libffi8"],
  ...["ruby3.1", "libruby3.1", "libyaml-0-2"],
] as const;

/** Each by its path in the packages. */
const PROGRAMS = {
  busybox: "bin/busybox",
  shellcheck: "usr/bin/shellcheck",
  ruby: "usr/bin/ruby3.1",
} as const;

/** Where ruby looks for what comes with it. */
const RUBY_FOLDERS = ["usr/lib/ruby/3.1.0", "usr/lib/ruby/vendor_ruby"] as const;

/**
 * PATH with every program on it that could be had. What is missing and may not be fetched stays
 * missing: whoever needs it says so.
 */
export async function pathWithTools(write: (text: string) => void): Promise<string> {
  const path = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  const missing = Object.keys(PROGRAMS).filter((program) => Bun.which(program) === null);
  if (missing.length === 0 || !mayProvide()) return path;
  try {
    return [path, await toolFolder()].join(delimiter);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    write(`skip  ${missing.join(", ")}: ${error.message}\n`);
    return path;
  }
}

async function toolFolder(): Promise<string> {
  const packages = await unpackPackages("test-tools", PACKAGES);
  return await once("test-tools", async (folder) => {
    for (const [name, program] of Object.entries(PROGRAMS)) {
      const target = join(packages.root, program);
      // Static, and tests copy it into roots in which no script of ours could run.
      if (name === "busybox") await symlink(target, join(folder, name));
      else await writeStarter(join(folder, name), target, packages);
    }
  });
}

async function writeStarter(path: string, program: string, packages: UnpackedPackages): Promise<void> {
  const libraries = packages.env["LD_LIBRARY_PATH"] ?? "";
  const ruby = RUBY_FOLDERS.map((folder) => join(packages.root, folder)).join(":");
  const lines = [
    "#!/bin/sh",
    `export LD_LIBRARY_PATH='${libraries}'`,
    `export RUBYLIB='${ruby}'`,
    `exec '${program}' "$@"`,
  ];
  await writeFile(path, `${lines.join("\n")}\n`);
  await chmod(path, 0o755);
}
