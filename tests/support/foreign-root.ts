/**
 * The root folder of another kind of system on this one: a busybox that needs no libraries, and the loader
 * that the executables of that system ask for. Programs run in it in a mount namespace of their own.
 */
import { copyFile, mkdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { unpackPackages } from "../../scripts/services/debian-packages.ts";
import { muslLibraries } from "../../scripts/services/musl-libraries.ts";
import { mayProvide } from "../../scripts/services/service.ts";
import { findBusybox } from "../../scripts/services/test-images.ts";
import type { Run } from "./installer.ts";
import { TempDir } from "./temp-dir.ts";

/** Null: here they can be tested, or have to fail. */
export function whyNoForeignRoot(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "Linux on x64";
  return mayProvide() ? null : "CI=true or OZ_TEST_INSTALL=1";
}

interface Options {
  /** Of the loader and its libraries, by their paths in the root. */
  readonly files: Readonly<Record<string, string>>;
  /** A static program that runs executables for arm64. */
  readonly emulator?: string;
}

export class ForeignRoot implements AsyncDisposable {
  readonly dir: TempDir;
  readonly #emulator: string;

  private constructor(dir: TempDir, emulator: string) {
    this.dir = dir;
    this.#emulator = emulator;
  }

  /** With `libraries`, those of C++, as `apk add libstdc++ libgcc` puts them there. */
  static async musl({ libraries }: { readonly libraries: boolean }): Promise<ForeignRoot> {
    const { loader, cpp } = await muslLibraries();
    const files: Record<string, string> = { [`lib/${basename(loader)}`]: loader };
    for (const file of libraries ? cpp : []) files[`usr/lib/${basename(file)}`] = file;
    const root = await ForeignRoot.#create({ files });
    const libgcc = cpp.map((file) => basename(file)).find((name) => name.startsWith("libgcc_s")) ?? "";
    if (libraries) await symlink(libgcc, root.dir.join("usr/lib/libgcc_s.so.1"));
    return root;
  }

  static async arm64(): Promise<ForeignRoot> {
    const { root } = await unpackPackages("qemu", ["qemu-user-static", "libc6-arm64-cross"]);
    const names = ["ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"];
    const files = names.map((name) => [`lib/${name}`, join(root, "usr/aarch64-linux-gnu/lib", name)]);
    return await ForeignRoot.#create({
      files: Object.fromEntries(files),
      emulator: join(root, "usr/bin/qemu-aarch64-static"),
    });
  }

  static async #create({ files, emulator = "" }: Options): Promise<ForeignRoot> {
    const dir = await TempDir.create("root");
    for (const name of ["bin", "dev", "etc", "lib", "proc", "root", "tmp", "usr/bin", "usr/lib"]) {
      await mkdir(dir.join(name), { recursive: true });
    }
    await copyFile(await findBusybox(), dir.join("bin/busybox"));
    for (const [path, from] of Object.entries(files)) await copyFile(from, dir.join(path));
    const root = new ForeignRoot(dir, emulator);
    await root.run(["/bin/busybox", "--install", "-s", "/bin"]);
    // Long enough for the worker to come to rest while it runs, and to give pages of its executable back.
    await dir.write("bin/agent", '#!/bin/sh\necho "agent in $PWD"\nexec sleep 2\n', 0o755);
    const direct = { workspace_root: "/tmp/workspaces", oz_path: "/bin/agent" };
    await dir.write("etc/worker.yaml", JSON.stringify({ worker_id: "w", backend: { direct } }));
    return root;
  }

  async run(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    const start = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ENTER, "sh"];
    const child = Bun.spawn([...start, this.dir.path, this.#emulator, ...argv], {
      env: { PATH: "/usr/local/bin:/bin:/usr/bin:/usr/sbin:/sbin", HOME: "/root", LC_ALL: "C", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [status, stdout, stderr] = await Promise.all([
      child.exited,
      child.stdout.text(),
      child.stderr.text(),
    ]);
    return { status, stdout, stderr };
  }

  /** One task from assignment to report, by the program's own control plane. */
  runTask(program: string): Promise<Run> {
    return this.run([
      ...[program, "dev", "--config-file", "/etc/worker.yaml"],
      ...["--prompt", "Say where you are", "--exit-when-done"],
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dir[Symbol.asyncDispose]();
  }
}

/**
 * The emulator is opened as it is registered (F), so that it is found from within the root. Since Linux 6.7
 * each user namespace has a table of emulators of its own, and the host's is left alone.
 */
const ENTER = String.raw`set -e
root=$1 emulator=$2
shift 2
if [ -n "$emulator" ]; then
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":arm64:M::$magic:$mask:$emulator:F" >/proc/sys/fs/binfmt_misc/register
fi
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
`;
