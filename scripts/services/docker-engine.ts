/**
 * A dockerd of the tests' own: private folders and socket, no network for its containers, nothing of it
 * left when it is disposed of.
 */
import { closeSync, openSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dockerPrograms, type Flavour } from "./docker-programs.ts";
import { becomes, outputOf } from "./service.ts";
import { FOLDER_MARK, isRunning, ServiceFolder } from "./service-folder.ts";

export interface DockerEngineOptions {
  readonly flavour: Flavour;
  /** Its containers outlive it. */
  readonly liveRestore?: boolean;
  /** More flags for dockerd. */
  readonly flags?: readonly string[];
}

const START_TIMEOUT_MS = 30_000;
/** Its containers may take their ten seconds first. */
const STOP_TIMEOUT_MS = 20_000;

export class DockerEngine implements AsyncDisposable {
  readonly folder: ServiceFolder;
  readonly #argv: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #daemon: Bun.Subprocess | null = null;

  private constructor(folder: ServiceFolder, argv: readonly string[], env: Readonly<Record<string, string>>) {
    this.folder = folder;
    this.#argv = argv;
    this.#env = env;
  }

  /** @throws Unavailable where it cannot run here */
  static async start(options: DockerEngineOptions): Promise<DockerEngine> {
    const programs = await dockerPrograms(options.flavour);
    const folder = await ServiceFolder.claim(options.flavour);
    // Else it would read the machine's own.
    await writeFile(folder.join("daemon.json"), "{}");
    const argv = [...(await commandLine(folder, options)), ...(options.flags ?? [])];
    const engine = new DockerEngine(folder, argv, {
      ...programs.env,
      [FOLDER_MARK]: folder.path,
      // Neither the tests' own proxies nor their Docker configuration.
      HOME: folder.path,
      TMPDIR: folder.path,
    });
    try {
      await engine.startAgain();
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  get socket(): string {
    return this.folder.join("docker.sock");
  }

  /** As DOCKER_HOST wants it. */
  get host(): string {
    return `unix://${this.socket}`;
  }

  get running(): boolean {
    return this.#daemon !== null && this.#daemon.exitCode === null && this.#daemon.signalCode === null;
  }

  /** On the same folders, so that it finds what it had. */
  async startAgain(): Promise<void> {
    const log = openSync(this.folder.join("log"), "a");
    try {
      this.#daemon = Bun.spawn([...this.#argv], {
        cwd: this.folder.path,
        env: this.#env,
        stdio: ["ignore", log, log],
        // Signals to the group of the tests are not for it.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    const up = await becomes(async () => !this.running || (await this.#answers()), START_TIMEOUT_MS);
    if (up && this.running) return;
    throw new Error(`dockerd did not start; its log ends with:\n${await this.logTail()}`);
  }

  /** With SIGTERM it stops its containers first, unless they outlive it. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === null) return;
    daemon.kill(signal);
    const killer = setTimeout(() => daemon.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await daemon.exited;
    clearTimeout(killer);
    this.#daemon = null;
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

  async logTail(): Promise<string> {
    const text = await Bun.file(this.folder.join("log")).text();
    return text.trimEnd().split("\n").slice(-15).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Containers that are dead already do not have to be given their time.
    this.folder.killContainers();
    await this.stop();
    await this.folder.remove();
  }

  async #answers(): Promise<boolean> {
    try {
      const timeout = AbortSignal.timeout(2_000);
      const response = await fetch("http://docker/_ping", { unix: this.socket, signal: timeout });
      return response.ok;
    } catch {
      return false;
    }
  }
}

async function commandLine(
  folder: ServiceFolder,
  { flavour, liveRestore }: DockerEngineOptions,
): Promise<string[]> {
  const overlay = await canOverlay(folder);
  const flatDriver = flavour === "modern" ? "native" : "vfs";
  return [
    "dockerd",
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
