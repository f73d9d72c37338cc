/**
 * The script that copies a sidecar's image, run as the root of what such images hold: the tar of GNU, of
 * busybox, and none. It names its folders from the root, so this needs chroot, and root for that.
 */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { COPY_SCRIPT } from "../../src/backends/kubernetes/job/copy-script.ts";
import { TempDir } from "../support/temp-dir.ts";

const LONG_AGO = new Date("2020-01-01T00:00:00Z");

function whereIs(command: string): string | null {
  const { status, stdout } = spawnSync("/bin/sh", ["-c", `command -v ${command}`], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

const TOOLS = ["busybox", "dash", "tar", "cp", "mkdir", "rm", "chroot", "ldd"];
const missing = TOOLS.filter((tool) => whereIs(tool) === null);
const cannot = process.getuid?.() !== 0 ? "not root" : missing.length > 0 ? `no ${missing.join(", ")}` : null;
if (cannot !== null) process.stderr.write(`The copy script is not tested: ${cannot}\n`);

class Image {
  readonly folder: TempDir;

  constructor(folder: TempDir) {
    this.folder = folder;
    for (const path of [
      "bin",
      "target",
      "proc",
      "sys",
      "dev",
      "run/secrets/k",
      "var/run/secrets",
      "opt/a b",
    ]) {
      mkdirSync(folder.join(path), { recursive: true });
    }
    for (const path of ["proc/p", "sys/s", "dev/d", ".dockerenv", "run/secrets/k/t", "var/run/secrets/t"]) {
      this.file(path, "of the runtime");
    }
  }

  /** A program of this machine with the libraries that it needs. */
  install(command: string, as = command): void {
    const path = whereIs(command) ?? "";
    copyFileSync(path, this.folder.join("bin", as));
    const { stdout } = spawnSync("ldd", [path], { encoding: "utf8" });
    for (const [library] of stdout.matchAll(/\/\S+/g)) {
      mkdirSync(this.folder.join(dirname(library)), { recursive: true });
      copyFileSync(library, this.folder.join(library));
    }
  }

  file(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(this.folder.join(path)), { recursive: true });
    writeFileSync(this.folder.join(path), text);
    chmodSync(this.folder.join(path), mode);
  }

  copy() {
    return spawnSync("chroot", [this.folder.path, "/bin/sh", "-c", COPY_SCRIPT], { encoding: "utf8" });
  }

  /** What is in the copy, text by path. */
  copied(path: string): string | null {
    const full = this.folder.join("target", path);
    const found = lstatSync(full, { throwIfNoEntry: false });
    if (found === undefined) return null;
    if (found.isSymbolicLink()) return `-> ${readlinkSync(full)}`;
    return found.isDirectory() ? "a folder" : readFileSync(full, "utf8");
  }
}

/** What is at /bin/sh and beside it. */
const KINDS: Readonly<Record<string, (image: Image) => void>> = {
  "GNU tar": (image) => {
    image.install("dash", "sh");
    for (const tool of ["tar", "cp", "mkdir", "rm"]) image.install(tool);
  },
  "busybox's tar": (image) => {
    image.install("busybox", "sh");
    for (const tool of ["tar", "cp", "mkdir", "rm"]) symlinkSync("sh", image.folder.join("bin", tool));
  },
  "no tar": (image) => {
    image.install("dash", "sh");
    for (const tool of ["cp", "mkdir", "rm"]) image.install(tool);
  },
  "a tar that fails": (image) => {
    image.install("dash", "sh");
    for (const tool of ["cp", "mkdir", "rm"]) image.install(tool);
    image.file("bin/tar", "#!/bin/sh\nexit 1\n", 0o755);
  },
};

describe.skipIf(cannot !== null).each(Object.entries(KINDS))("an image with %s", (_kind, furnish) => {
  test("is copied whole, without what the runtime put there", async () => {
    await using folder = await TempDir.create("image");
    const image = new Image(folder);
    furnish(image);
    const kept = {
      "agent/entrypoint.sh": "#!/bin/sh\n",
      "opt/a b/file": "text",
      "run/x/r": "r",
      "var/lib/d/v": "v",
      "var/run/w": "w",
      ".hidden": "h",
      "..odd": "o",
      "-dash": "d",
      "new\nline": "n",
      "target-not": "t",
    };
    for (const [path, text] of Object.entries(kept)) image.file(path, text);
    symlinkSync("/nowhere", folder.join("broken"));
    const { status, stderr } = image.copy();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const [path, text] of Object.entries(kept)) expect([path, image.copied(path)]).toEqual([path, text]);
    expect(image.copied("broken")).toBe("-> /nowhere");
    const runtimes = ["target", "proc", "sys", "dev", ".dockerenv", "run/secrets", "var/run/secrets"];
    expect(runtimes.map((path) => image.copied(path))).toEqual(runtimes.map(() => null));
    expect(image.copied(".oz-copy-failed")).toBeNull();
  });

  test("loses owners and the right of others to write, and what can be run still can", async () => {
    await using folder = await TempDir.create("image");
    const image = new Image(folder);
    furnish(image);
    image.file("agent/entrypoint.sh", "#!/bin/sh\n", 0o777);
    chownSync(folder.join("agent/entrypoint.sh"), 1234, 1234);
    expect(image.copy().status).toBe(0);
    const { uid, gid, mode } = lstatSync(folder.join("target/agent/entrypoint.sh"));
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 0, gid: 0, mode: 0o755 });
  });

  test("whose /run and /var/run are links has them as links", async () => {
    await using folder = await TempDir.create("image");
    const image = new Image(folder);
    furnish(image);
    spawnSync("rm", ["-r", folder.join("var/run")]);
    symlinkSync("/run", folder.join("var/run"));
    expect(image.copy().status).toBe(0);
    expect(image.copied("var/run")).toBe("-> /run");
    expect(image.copied("run/secrets")).toBeNull();
  });

  test("that does not fit fails, and says so", async () => {
    await using folder = await TempDir.create("image");
    const image = new Image(folder);
    furnish(image);
    image.file("big", "x".repeat(4_000_000));
    const target = folder.join("target");
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", target]);
    try {
      const { status, stderr } = image.copy();
      expect(status).toBe(1);
      expect(stderr).toContain("copying the sidecar image: neither tar nor cp could copy /");
    } finally {
      spawnSync("umount", [target]);
    }
  });
});

describe.skipIf(cannot !== null).each(["GNU tar", "busybox's tar"])("%s", (kind) => {
  test("keeps times and hard links, so that an image of one program with many names does not grow", async () => {
    await using folder = await TempDir.create("image");
    const image = new Image(folder);
    KINDS[kind]?.(image);
    image.file("opt/one", "1");
    linkSync(folder.join("opt/one"), folder.join("opt/two"));
    utimesSync(folder.join("opt/one"), LONG_AGO, LONG_AGO);
    expect(image.copy().status).toBe(0);
    const one = lstatSync(folder.join("target/opt/one"));
    expect(one.ino).toBe(lstatSync(folder.join("target/opt/two")).ino);
    expect(one.mtimeMs).toBe(LONG_AGO.getTime());
  });
});
