/**
 * Programs of Debian's packages, without installing them: fetched by apt and unpacked in the cache, so
 * that no service starts by itself and nothing of the system changes.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { once } from "./cache-folder.ts";
import { outputOf, Unavailable } from "./service.ts";

export interface UnpackedPackages {
  readonly root: string;
  /** What a program of these packages needs to be found and to run. */
  readonly env: Readonly<Record<string, string>>;
}

/** @throws Unavailable where there is no apt, or it cannot fetch them */
export async function unpackPackages(name: string, packages: readonly string[]): Promise<UnpackedPackages> {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if (Bun.which(tool) === null)
      throw new Unavailable(`${packages[0]} comes from Debian, and there is no ${tool}`);
  }
  const root = await once(`debian-${name}-${await release()}`, async (folder) => {
    const archives = `${folder}.debs`;
    await mkdir(archives);
    await download(archives, packages);
    for (const archive of await readdir(archives)) {
      await outputOf(["dpkg-deb", "-x", join(archives, archive), folder]);
    }
  });
  const multiarch = (await outputOf(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"]).catch(() => "")).trim();
  const folders = ["usr/sbin", "usr/bin", "sbin", "bin"].map((folder) => join(root, folder));
  const libraries = ["usr/lib", "lib"].flatMap((folder) =>
    multiarch === "" ? [join(root, folder)] : [join(root, folder, multiarch), join(root, folder)],
  );
  return {
    root,
    env: {
      PATH: [...folders, process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"].join(":"),
      LD_LIBRARY_PATH: libraries.join(":"),
    },
  };
}

/** As root apt keeps its lists for the whole system; they may be old or, in a container, not there at all. */
async function download(folder: string, packages: readonly string[]): Promise<void> {
  const fetch = () => outputOf(["apt-get", "download", "-q", ...packages], { cwd: folder });
  try {
    await fetch();
  } catch {
    try {
      await outputOf(["apt-get", "update", "-q"]);
      await fetch();
    } catch (error) {
      throw new Unavailable(`apt cannot fetch ${packages.join(", ")}: ${(error as Error).message}`);
    }
  }
}

async function release(): Promise<string> {
  const text = await Bun.file("/etc/os-release").text();
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? "unknown";
  return `${codename}-${process.arch}`;
}
