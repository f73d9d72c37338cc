/**
 * The folder of one engine, and all that hangs on it: processes, control groups, mounts. An engine whose
 * test run was killed leaves all of that behind, so whoever comes next looks for such folders first.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { becomes, outputOf } from "./service.ts";

/** Every process of a service has its folder in this variable, and so has what it starts. */
export const FOLDER_MARK = "OZ_TEST_SERVICE";
const CGROUPS = "/sys/fs/cgroup";
/** Below the root of every hierarchy, with those of all podmans in it. */
const PODMAN_CGROUP = "/libpod_parent";
/** Sockets lie in it, whose paths hold 108 bytes. */
const LONGEST_PARENT = 24;

export class ServiceFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** What earlier runs left is cleared away first. */
  static async claim(name: string): Promise<ServiceFolder> {
    const parent = parentFolder();
    await mkdir(parent, { recursive: true, mode: 0o700 });
    await clearLeftovers(parent);
    const path = await mkdtemp(join(parent, `${name}-`));
    await writeFile(join(path, "owner"), identityOf(process.pid));
    return new ServiceFolder(path);
  }

  /** Below the root of every hierarchy: its containers' processes are found by it. */
  get cgroup(): string {
    return `/oz-test-${basename(this.path)}`;
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Processes of containers, which know nothing of the folder. */
  killContainers(): void {
    for (const folder of this.#cgroupFolders()) for (const pid of pidsBelow(folder)) kill(pid);
  }

  /** Ends whatever still runs, unmounts, removes. Nothing of it is left afterwards. */
  async remove(): Promise<void> {
    const gone = await becomes(() => {
      const marked = this.#markedPids();
      for (const pid of marked) kill(pid);
      this.killContainers();
      return marked.length === 0;
    }, 10_000);
    if (!gone) throw new Error(`Processes of ${this.path} do not end`);
    for (const folder of this.#cgroupFolders()) await removeCgroup(folder);
    // Stays where it is another podman's too.
    if (existsSync(this.join("data/libpod")))
      for (const root of hierarchies()) await rmdir(join(root, PODMAN_CGROUP)).catch(() => undefined);
    await this.#removeShimSockets();
    for (const point of mountsBelow(this.path))
      await outputOf(["umount", "-l", point]).catch(() => undefined);
    await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** They lie outside, and only a shim that ends in good order removes its own. */
  async #removeShimSockets(): Promise<void> {
    for await (const file of new Bun.Glob("exec/containerd/**/address").scan({ cwd: this.path })) {
      const address = await Bun.file(this.join(file)).text();
      const socket = /^unix:\/\/(\/run\/containerd\/s\/[0-9a-f]+)$/.exec(address.trim())?.[1];
      if (socket !== undefined) await rm(socket, { force: true });
    }
  }

  #markedPids(): number[] {
    const mark = `${FOLDER_MARK}=${this.path}`;
    return allPids().filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
      } catch {
        return false;
      }
    });
  }

  #cgroupFolders(): string[] {
    const cgroups = [this.cgroup, ...this.#podmanContainers().map((id) => `${PODMAN_CGROUP}/libpod-${id}`)];
    return hierarchies()
      .flatMap((root) => cgroups.map((cgroup) => join(root, cgroup)))
      .filter((folder) => existsSync(folder));
  }

  /** Ids. Podman cannot be told where the groups of its containers are to lie. */
  #podmanContainers(): string[] {
    // One that it was killed over as it started is known to its runtime alone.
    const found = ["data/*-containers/*/", "runc/*/"].flatMap((pattern) => [
      ...new Bun.Glob(pattern).scanSync({ cwd: this.path, onlyFiles: false }),
    ]);
    return found.map((path) => basename(path)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }
}

function parentFolder(): string {
  const told = tmpdir();
  return join(told.length > LONGEST_PARENT ? "/tmp" : told, `oz-services-${process.getuid?.() ?? 0}`);
}

/** Of owners that are gone. */
async function clearLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const folder = new ServiceFolder(join(parent, name));
    const owner = await Bun.file(folder.join("owner"))
      .text()
      .catch(() => "");
    // Without an owner, or its name, it may have been made this moment by another service.
    if (owner === "" || owner === identityOf(Number.parseInt(owner, 10))) continue;
    await folder.remove();
  }
}

/** Pid and start time; the pid alone for a process that is gone. */
function identityOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return `${pid}`;
  }
}

function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && isRunning(pid));
}

/** A zombie has no executable. */
export function isRunning(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) !== "";
  } catch {
    return false;
  }
}

/** Of control groups: one, or one for each controller. */
function hierarchies(): string[] {
  if (existsSync(join(CGROUPS, "cgroup.procs"))) return [CGROUPS];
  return readdirSync(CGROUPS).map((name) => join(CGROUPS, name));
}

function pidsBelow(folder: string): number[] {
  try {
    const here = readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...here, ...folders.flatMap((entry) => pidsBelow(join(folder, entry.name)))];
  } catch {
    return [];
  }
}

async function removeCgroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  // Busy until the kernel has done with its last process.
  await becomes(
    () =>
      rmdir(folder).then(
        () => true,
        () => !existsSync(folder),
      ),
    2_000,
  );
}

/** The innermost first. */
function mountsBelow(path: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${path}/`))
    .reverse();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
