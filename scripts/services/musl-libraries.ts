/**
 * What the executables for musl need of a system, without a system of musl's: its loader from Debian, and
 * the C++ libraries that Alpine's compiler has, out of a Python wheel that brings them along.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { unzipSync } from "fflate";
import { once } from "./cache-folder.ts";
import { unpackPackages } from "./debian-packages.ts";
import { unpackRelocations } from "./elf-relocations.ts";
import { outputOf, Unavailable } from "./service.ts";

const WHEEL = {
  name: "greenlet",
  version: "3.5.6",
  sha256: "3dbb4596a6a4e5d47121a33ff20533a81e60f302d9e67b69909a8bc21a43f0a7",
};
const LOADER = "ld-musl-x86_64.so.1";

export interface MuslLibraries {
  readonly loader: string;
  /** libstdc++.so.6, and the libgcc_s that it asks for under a name of its own. */
  readonly cpp: readonly string[];
}

/** For x86-64. @throws Unavailable where there is no apt or no pip, or they cannot fetch */
export async function muslLibraries(): Promise<MuslLibraries> {
  const folder = await once(`musl-x64-${WHEEL.name}-${WHEEL.version}`, async (whole) => {
    const { root } = await unpackPackages("musl", ["musl"]);
    await copyFile(join(root, "lib/x86_64-linux-musl/libc.so"), join(whole, LOADER));
    for (const [name, content] of await librariesOf(await downloadWheel(`${whole}.wheel`))) {
      // Debian 12 has musl 1.2.3.
      await writeFile(join(whole, name), unpackRelocations(content));
      await chmod(join(whole, name), 0o755);
    }
  });
  const cpp = (await Array.fromAsync(new Bun.Glob("lib*.so.*").scan({ cwd: folder }))).sort();
  return { loader: join(folder, LOADER), cpp: cpp.map((name) => join(folder, name)) };
}

async function downloadWheel(folder: string): Promise<Uint8Array> {
  const pip = ["pip3", "pip"].find((name) => Bun.which(name) !== null);
  if (pip === undefined) throw new Unavailable("musl's C++ libraries come from a wheel: install pip");
  await mkdir(folder);
  const which = ["--platform", "musllinux_1_2_x86_64", "--python-version", "3.12", "--only-binary", ":all:"];
  const argv = [
    pip,
    "download",
    "-q",
    "--no-deps",
    ...which,
    "-d",
    folder,
    `${WHEEL.name}==${WHEEL.version}`,
  ];
  await outputOf(argv).catch((error: Error) => {
    throw new Unavailable(`pip cannot fetch ${WHEEL.name}: ${error.message}`);
  });
  const [name = ""] = await Array.fromAsync(new Bun.Glob("*.whl").scan({ cwd: folder }));
  const wheel = await readFile(join(folder, name));
  const found = createHash("sha256").update(wheel).digest("hex");
  if (found === WHEEL.sha256) return wheel;
  throw new Error(`${name} has SHA-256 ${found} in place of ${WHEEL.sha256}: it is not what was pinned`);
}

async function librariesOf(wheel: Uint8Array): Promise<[string, Uint8Array][]> {
  const files = Object.entries(unzipSync(wheel)).filter(([path]) => /\.libs\/lib.*\.so\./.test(path));
  return files.map(([path, content]) => [
    basename(path).replace(/^libstdc\+\+.*$/, "libstdc++.so.6"),
    content,
  ]);
}
