/** The images of the live tests: what is in them, and nothing that has to be fetched. */
import { existsSync } from "node:fs";
import { unpackPackages } from "./debian-packages.ts";
import type { ImageConfig } from "./registry-upload.ts";
import { Unavailable } from "./service.ts";
import { type TarEntry, tarOf } from "./tar.ts";

export interface TestImage {
  /** Below the registry's address. */
  readonly name: string;
  readonly layer: Uint8Array<ArrayBuffer>;
  readonly config?: ImageConfig;
  /** Of the engine that will pull it unless told. */
  readonly architecture?: string;
}

/** An agent that does what its task's AGENT_SH says, and otherwise nothing, well. */
const AGENT_SCRIPT = '#!/bin/sh\n[ -z "$AGENT_SH" ] || eval "$AGENT_SH"\n';

const APPLETS = [
  ...["sh", "cat", "cp", "date", "dd", "diff", "cut", "od", "echo", "env", "find", "grep", "head"],
  ...["hostname", "id", "ln", "ls", "mkdir", "mkfifo", "mv", "pwd", "rm", "sed", "setsid", "sleep"],
  ...["sort", "stat", "tail", "tar", "test", "touch", "tr", "true", "wc", "yes", "chmod", "expr", "kill"],
] as const;

/** @throws Unavailable without a busybox that needs no libraries */
export async function testImages(): Promise<TestImage[]> {
  const base = await baseEntries();
  const entry = {
    path: "bin/entry",
    kind: "file",
    content: '#!/bin/sh\necho "entry: $1"\nexec "$@"\n',
    mode: 0o755,
  } as const;
  const agent = { path: "entrypoint.sh", kind: "file", content: AGENT_SCRIPT, mode: 0o755 } as const;
  const foreign = process.arch === "arm64" ? "amd64" : "arm64";
  return [
    { name: "test/task:1", layer: tarOf(base) },
    {
      name: "test/with-entrypoint:1",
      layer: tarOf([...base, entry]),
      config: { Entrypoint: ["/bin/entry"] },
    },
    { name: "test/with-volume:1", layer: tarOf(base), config: { Volumes: { "/data": {} } } },
    { name: "test/foreign:1", layer: tarOf(base), architecture: foreign },
    { name: "test/agent:1", layer: tarOf([agent, ...oddFiles()]) },
    // Neither a shell nor anything else that could be run.
    { name: "test/scratch:1", layer: tarOf([{ path: "data.txt", kind: "file", content: "from scratch\n" }]) },
    { name: "test/writable:1", layer: tarOf([{ path: "note.txt", kind: "file", content: "as shipped\n" }]) },
    { name: "test/foreign-sidecar:1", layer: tarOf([agent]), architecture: foreign },
  ];
}

/** A system of one program. */
export async function baseEntries(): Promise<TarEntry[]> {
  const busybox = new Uint8Array(await Bun.file(await findBusybox()).arrayBuffer());
  return [
    ...["bin", "etc", "root", "workspace"].map((path) => ({ path, kind: "folder" }) as const),
    { path: "tmp", kind: "folder", mode: 0o1777 },
    { path: "bin/busybox", kind: "file", content: busybox, mode: 0o755 },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, kind: "symlink", target: "busybox" }) as const),
    { path: "etc/passwd", kind: "file", content: "root:x:0:0:root:/root:/bin/sh\n" },
    { path: "etc/group", kind: "file", content: "root:x:0:\n" },
  ];
}

/** What a copy of an image's files may get wrong. */
function oddFiles(): TarEntry[] {
  return [
    { path: "odd", kind: "folder", mode: 0o755 },
    { path: "odd/empty", kind: "folder", mode: 0o700 },
    { path: "odd/owned", kind: "file", content: "1000\n", mode: 0o640, owner: 1000 },
    { path: "odd/setuid", kind: "file", content: "#!/bin/sh\n", mode: 0o4755 },
    { path: "odd/link", kind: "symlink", target: "/agent/odd/owned" },
    // It climbs above the root, where the image has it lead to what is in it.
    { path: "odd/climbing", kind: "symlink", target: "../../../agent/odd/owned" },
    { path: "odd/twin", kind: "hardlink", target: "odd/owned", mode: 0o640, owner: 1000 },
    { path: "odd/with space ü", kind: "file", content: "" },
  ];
}

/** One that needs no libraries. @throws Unavailable where there is none */
export async function findBusybox(): Promise<string> {
  const { root } = await unpackPackages("busybox", ["busybox-static"]).catch((error: unknown) => {
    // A static one of the system does as well.
    if (!(error instanceof Unavailable)) throw error;
    return { root: "/" };
  });
  const found = ["bin/busybox", "usr/bin/busybox"].map((path) => `${root}/${path}`).find(existsSync);
  if (found === undefined) throw new Unavailable("The test images need a static busybox");
  return found;
}
