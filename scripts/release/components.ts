/** What is inside of the executable beside our own code: the packages that it needs to run, and Bun. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; NOASSERTION when the package does not say. */
  readonly license: string;
  /** Empty when the package does not bring one. */
  readonly licenseText: string;
}

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly engines?: Readonly<Record<string, string>>;
}

/** Sorted by name. `root`: a clone with its packages installed. */
export async function readComponents(root: string): Promise<readonly Component[]> {
  const found = new Map<string, Component>();
  const own = await readPackage(root);
  const queue = Object.keys(own.dependencies ?? {}).map((name) => ({ name, from: root }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const dir = await resolvePackage(next.name, next.from, root);
    if (dir === null) continue;
    const about = await readPackage(dir);
    const key = `${about.name}@${about.version}`;
    if (found.has(key)) continue;
    found.set(key, await toComponent(about, dir));
    for (const name of Object.keys(about.dependencies ?? {})) queue.push({ name, from: dir });
  }
  const packages = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [bun(own.engines?.["bun"] ?? ""), ...packages];
}

/** The runtime brings no licence file in its npm package. */
function bun(version: string): Component {
  const licenseText =
    "Bun is licensed under the MIT license. It links other software statically, among it JavaScriptCore\n" +
    "(LGPL-2.0-or-later), BoringSSL, libarchive, zlib, zstd, c-ares, lol-html, mimalloc and uSockets.\n" +
    "The whole list with all texts, and how to link it anew, is LICENSE.md of the sources of this\n" +
    `version: https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md\n`;
  return { name: "bun", version, license: "MIT", licenseText };
}

/** As node finds it: in the nearest node_modules upwards. */
async function resolvePackage(name: string, from: string, root: string): Promise<string | null> {
  for (let dir = from; dir.startsWith(root); dir = join(dir, "..")) {
    const candidate = join(dir, "node_modules", name);
    if (await Bun.file(join(candidate, "package.json")).exists()) return candidate;
  }
  return null;
}

function readPackage(dir: string): Promise<PackageJson> {
  return Bun.file(join(dir, "package.json")).json();
}

async function toComponent({ name, version, license }: PackageJson, dir: string): Promise<Component> {
  const file = (await readdir(dir))
    .sort()
    .find((entry) => /^(?:(?:un)?licen[cs]e|copying)(?:[.-].*)?$/i.test(entry));
  const licenseText = file === undefined ? "" : await Bun.file(join(dir, file)).text();
  return { name, version, license: typeof license === "string" ? license : "NOASSERTION", licenseText };
}
