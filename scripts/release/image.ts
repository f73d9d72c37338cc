/**
 * What `docker build` needs beside the Dockerfile: the executable, and a base of Debian's own files, so
 * that building an image pulls nothing.
 */
import { existsSync } from "node:fs";
import { chmod, copyFile, readdir, readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unpackPackages } from "../services/debian-packages.ts";
import { type TarEntry, tarOf } from "../services/tar.ts";
import { readComponents } from "./components.ts";
import { renderNotices } from "./notices.ts";
import { IMAGE_NAMES, makeAnew } from "./outdir.ts";
import { ROOT } from "./source.ts";

export interface ImageContext {
  readonly outdir: string;
  readonly executable: string;
}

/** Of the image's user, as the chart has it. */
const OWNER = 10_001;
const STATE_DIR = "var/lib/oz-agent-worker";
const PACKAGES = ["libc6", "tini", "ca-certificates"] as const;
/** The executable's own, and what libc loads to find names and users. */
const LIBRARIES: readonly RegExp[] = [
  /^ld-linux-[\w-]+\.so\.\d+$/,
  /^lib(?:c|m|dl|pthread|rt|resolv|nss_dns|nss_files)\.so\.\d+$/,
];

/** @throws Unavailable where there is no apt, whose packages the base is made of */
export async function writeImageContext({ outdir, executable }: ImageContext): Promise<void> {
  const { root } = await unpackPackages("image", PACKAGES);
  await makeAnew(outdir, IMAGE_NAMES);
  await writeFile(join(outdir, "base.tar"), tarOf(await baseOf(root)));
  await copyFile(executable, join(outdir, "oz-agent-worker"));
  await chmod(join(outdir, "oz-agent-worker"), 0o755);
  await copyFile(join(ROOT, "LICENSE"), join(outdir, "LICENSE"));
  await writeFile(join(outdir, "THIRD-PARTY-NOTICES"), renderNotices(await readComponents(ROOT)));
}

async function baseOf(root: string): Promise<TarEntry[]> {
  const folders = ["etc", "etc/ssl", "etc/ssl/certs", "home", "lib", "lib64", "opt", "run", "usr", "usr/bin"];
  return [
    ...[...folders, "usr/share", "usr/share/doc", "var", "var/lib"].map(folder),
    { path: "tmp", kind: "folder", mode: 0o1777 },
    { path: "home/oz", kind: "folder", mode: 0o755, owner: OWNER },
    { path: STATE_DIR, kind: "folder", mode: 0o700, owner: OWNER },
    { path: "etc/passwd", kind: "file", content: passwd() },
    { path: "etc/group", kind: "file", content: `root:x:0:\noz:x:${OWNER}:\n` },
    { path: "etc/nsswitch.conf", kind: "file", content: "passwd: files\ngroup: files\nhosts: files dns\n" },
    { path: "etc/ssl/certs/ca-certificates.crt", kind: "file", content: await certificates(root) },
    {
      path: "usr/bin/tini",
      kind: "file",
      content: await readFile(join(root, "usr/bin/tini-static")),
      mode: 0o755,
    },
    ...(await libraries(root)),
    ...(await licences(root)),
  ];
}

function folder(path: string): TarEntry {
  return { path, kind: "folder" };
}

function passwd(): string {
  return `root:x:0:0:root:/root:/sbin/nologin\noz:x:${OWNER}:${OWNER}:oz-agent-worker:/home/oz:/sbin/nologin\n`;
}

async function libraries(root: string): Promise<TarEntry[]> {
  const [multiarch] = (await readdir(join(root, "lib"))).filter((name) => name.endsWith("-linux-gnu"));
  if (multiarch === undefined) throw new Error(`There is no libc in ${root}/lib`);
  const path = join("lib", multiarch);
  const names = (await readdir(join(root, path))).filter((name) => LIBRARIES.some((one) => one.test(name)));
  const files = names.sort().map(async (name): Promise<TarEntry> => {
    const content = await readFile(await realpath(join(root, path, name)));
    return { path: join(path, name), kind: "file", content, mode: 0o755 };
  });
  return [folder(path), ...(await Promise.all(files)), loader(root, multiarch)];
}

/** Where the executable says that its loader is. */
function loader(root: string, multiarch: string): TarEntry {
  const name = multiarch.startsWith("x86_64") ? "lib64/ld-linux-x86-64.so.2" : "lib/ld-linux-aarch64.so.1";
  if (!existsSync(join(root, "lib", multiarch, name.replace(/^.*\//, "")))) {
    throw new Error(`There is no loader ${name} in ${root}`);
  }
  return { path: name, kind: "symlink", target: `/lib/${multiarch}/${name.replace(/^.*\//, "")}` };
}

/** All authorities that Debian trusts, in one file, as its own postinst makes it. */
async function certificates(root: string): Promise<string> {
  const from = join(root, "usr/share/ca-certificates/mozilla");
  const names = (await readdir(from)).filter((name) => name.endsWith(".crt")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(from, name), "utf8")));
  return texts.map((text) => `${text.trim()}\n`).join("");
}

async function licences(root: string): Promise<TarEntry[]> {
  const all = PACKAGES.map(async (name): Promise<TarEntry[]> => {
    const path = `usr/share/doc/${name}`;
    const content = await readFile(join(root, path, "copyright"));
    return [folder(path), { path: `${path}/copyright`, kind: "file", content }];
  });
  return (await Promise.all(all)).flat();
}
