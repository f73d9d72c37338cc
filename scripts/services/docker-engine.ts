/**
 * A dockerd of the tests' own: private folders and socket, no network for its containers, nothing of it
 * left when it is disposed of.
 */
import { rm, writeFile } from "node:fs/promises";
import { Daemon, STOP_TIMEOUT_MS } from "./daemon.ts";
import { dockerPrograms, type Flavour } from "./docker-programs.ts";
import { RestartableEngine, started } from "./restartable-engine.ts";
import { becomes, outputOf } from "./service.ts";
import { isRunning, ServiceFolder } from "./service-folder.ts";

export interface DockerEngineOptions {
  readonly flavour: Flavour;
  /** Its containers outlive it. */
  readonly liveRestore?: boolean;
  /** More flags for dockerd. */
  readonly flags?: readonly string[];
}

export class DockerEngine extends RestartableEngine {
  /** @throws Unavailable where it cannot run here */
  static async start(options: DockerEngineOptions): Promise<DockerEngine> {
    const programs = await dockerPrograms(options.flavour);
    const folder = await ServiceFolder.claim(options.flavour);
    // Else it would read the machine's own.
    await writeFile(folder.join("daemon.json"), "{}");
    const flags = [...(await flagsOf(folder, options)), ...(options.flags ?? [])];
    // Neither the tests' own proxies nor their Docker configuration.
    const env = { ...programs.env, HOME: folder.path, TMPDIR: folder.path };
    const socket = folder.join("docker.sock");
    const argv = ["dockerd", ...flags] as const;
    const daemon = new Daemon({ name: "dockerd", folder, argv, env, socket });
    return started(new DockerEngine(folder, socket, daemon));
  }

  override async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await super.stop(signal);
    await this.#endContainerd();
  }

  /**
   * A dockerd that was killed takes its containerd with it, whose pid stays a while where the first
   * process is slow to reap. A new dockerd would wait in vain for what has that pid.
   */
  async #endContainerd(): Promise<void> {
    const file = this.folder.join("exec/containerd/containerd.pid");
    const pid = Number.parseInt(
      await Bun.file(file)
        .text()
        .catch(() => ""),
      10,
    );
    if (Number.isNaN(pid)) return;
    await becomes(() => !isRunning(pid), STOP_TIMEOUT_MS);
    await rm(file, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Containers that are dead already do not have to be given their time.
    this.folder.killContainers();
    await this.stop();
    await this.folder.remove();
  }
}

async function flagsOf(
  folder: ServiceFolder,
  { flavour, liveRestore }: DockerEngineOptions,
): Promise<string[]> {
  const overlay = await canOverlay(folder);
  const flatDriver = flavour === "modern" ? "native" : "vfs";
  return [
    ...["--host", `unix://${folder.join("docker.sock")}`, "--config-file", folder.join("daemon.json")],
    ...["--data-root", folder.join("data"), "--exec-root", folder.join("exec")],
    ...["--pidfile", folder.join("pid"), "--cgroup-parent", folder.cgroup],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--shutdown-timeout", "3"],
    ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false"],
    // Its runc is built without seccomp.
    ...(flavour === "modern" ? ["--seccomp-profile", "unconfined"] : []),
    ...(overlay ? [] : ["--storage-driver", flatDriver]),
    ...(liveRestore ? ["--live-restore"] : []),
  ];
}

/** Not inside of a container whose own root is an overlay. */
async function canOverlay(folder: ServiceFolder): Promise<boolean> {
  const parts = ["lower", "upper", "work", "merged"].map((name) => folder.join("overlay", name));
  const [lower = "", upper = "", work = "", merged = ""] = parts;
  await outputOf(["mkdir", "-p", ...parts]);
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  try {
    await outputOf(["mount", "-t", "overlay", "overlay", "-o", options, merged]);
    await outputOf(["umount", merged]);
    return true;
  } catch {
    return false;
  }
}
