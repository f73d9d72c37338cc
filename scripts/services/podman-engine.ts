/**
 * A podman of the tests' own, which answers as Docker does: private folders and socket, no network for its
 * containers, nothing of the machine's configuration read, nothing of it left when it is disposed of.
 */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.ts";
import type { UnpackedPackages } from "./debian-packages.ts";
import { podmanPrograms } from "./docker-programs.ts";
import { RestartableEngine, started } from "./restartable-engine.ts";
import { FOLDER_MARK, ServiceFolder } from "./service-folder.ts";

const SOCKET = "podman.sock";

/**
 * It has files of its own in places that it cannot be told: which networks there are, what is mounted for
 * them, which layers it has seen, its locks. So it has these places for itself, and they end with it. (Locks
 * can be told to be files; with these it stopped answering when eight tasks began at once.)
 */
const PLACES = "for place in /run /var/lib /dev/shm; do mount -t tmpfs podman $place; done";
/** Keeps them while podman itself is started anew: without its locks it would give the same ones away once more. */
const KEEPER = [
  ...["unshare", "--mount", "--propagation", "slave", "--"],
  ...["sh", "-ec", `${PLACES}; echo kept; exec sleep infinity`],
] as const;

/** Docker's way of asking always gets the default one. This one touches nothing of the machine's. */
const NETWORK = { cniVersion: "0.4.0", name: "podman", plugins: [{ type: "loopback" }] };

export class PodmanEngine extends RestartableEngine {
  /** @throws Unavailable where it cannot run here */
  static async start(): Promise<PodmanEngine> {
    const packages = await podmanPrograms();
    const folder = await ServiceFolder.claim("podman");
    const env = await configure(folder, packages);
    const places = `/proc/${await keepPlaces(folder)}/ns/mnt`;
    const program = join(packages.root, "usr/bin/podman");
    const argv = ["nsenter", `--mount=${places}`, "--", program, ...flagsOf(folder)] as const;
    const socket = folder.join(SOCKET);
    const daemon = new Daemon({ name: "podman", folder, argv, env, socket });
    return started(new PodmanEngine(folder, socket, daemon));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that hangs over its own locks hears of nothing else.
    await this.stop("SIGKILL");
    await this.folder.remove();
  }
}

/** @returns the pid of what does so; it ends with the folder */
async function keepPlaces(folder: ServiceFolder): Promise<number> {
  const keeper = Bun.spawn([...KEEPER], {
    env: { PATH: process.env["PATH"], [FOLDER_MARK]: folder.path },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  for await (const _ of keeper.stdout) return keeper.pid;
  throw new Error(`podman cannot have places of its own: ${KEEPER[0]} ended with ${await keeper.exited}`);
}

function flagsOf(folder: ServiceFolder): string[] {
  return [
    // Where these say nothing, the places of its volumes and states are the machine's.
    ...["--root", folder.join("data"), "--runroot", folder.join("exec"), "--tmpdir", folder.join("run")],
    ...["system", "service", "--time", "0", `unix://${folder.join(SOCKET)}`],
  ];
}

/** What replaces the machine's own configuration, as the environment that says so. */
async function configure(folder: ServiceFolder, packages: UnpackedPackages): Promise<Record<string, string>> {
  const policy = { default: [{ type: "insecureAcceptAnything" }] };
  const runtime = `#!/bin/sh\nexec '${join(packages.root, "usr/sbin/runc")}' --root '${folder.join("runc")}' "$@"\n`;
  for (const name of ["bin", "tmp", "cni", ".config/containers"])
    await mkdir(folder.join(name), { recursive: true });
  await writeFile(folder.join("bin/runc"), runtime);
  await chmod(folder.join("bin/runc"), 0o755);
  await writeFile(folder.join("containers.conf"), toml(settingsOf(folder, packages)));
  // Also inside of a container whose own root is an overlay.
  const storage = { driver: "vfs", graphroot: folder.join("data"), runroot: folder.join("exec") };
  await writeFile(folder.join("storage.conf"), toml({ storage }));
  // Without a port: whichever the registries of the tests get.
  await writeFile(folder.join("registries.conf"), '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n');
  await writeFile(folder.join("cni/podman.conflist"), JSON.stringify(NETWORK));
  // It has no variable of its own, but is looked for at home first.
  await writeFile(folder.join(".config/containers/policy.json"), JSON.stringify(policy));
  return {
    ...packages.env,
    HOME: folder.path,
    TMPDIR: folder.join("tmp"),
    CONTAINERS_CONF: folder.join("containers.conf"),
    CONTAINERS_STORAGE_CONF: folder.join("storage.conf"),
    CONTAINERS_REGISTRIES_CONF: folder.join("registries.conf"),
    REGISTRY_AUTH_FILE: folder.join("auth.json"),
  };
}

type Settings = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

function settingsOf(folder: ServiceFolder, { root, env }: UnpackedPackages): Settings {
  const forChildren = { ...env, [FOLDER_MARK]: folder.path };
  return {
    containers: {
      // More than those that this process may set are refused.
      default_ulimits: ["nofile=1024:1024", "nproc=1024:1024"],
      // What watches a container stays where the engine is: otherwise in a group that all podmans share.
      cgroups: "no-conmon",
      seccomp_profile: join(root, "usr/share/containers/seccomp.json"),
    },
    engine: {
      cgroup_manager: "cgroupfs",
      events_logger: "file",
      // crun refuses a host with control groups of both versions.
      runtime: "runc",
      conmon_path: [join(root, "usr/bin/conmon")],
      conmon_env_vars: Object.entries(forChildren).map(([name, value]) => `${name}=${value}`),
      helper_binaries_dir: [join(root, "usr/lib/podman")],
      image_copy_tmp_dir: folder.join("tmp"),
    },
    "engine.runtimes": { runc: [folder.join("bin/runc")] },
    network: {
      network_backend: "cni",
      cni_plugin_dirs: [join(root, "usr/lib/cni")],
      network_config_dir: folder.join("cni"),
    },
  };
}

/** Its strings are JSON's. */
function toml(settings: Settings): string {
  return Object.entries(settings)
    .flatMap(([table, entries]) => [
      `[${table}]`,
      ...Object.entries(entries).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ])
    .join("\n");
}
