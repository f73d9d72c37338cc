/** Somebody who removes, kills and prunes what is in the engine, and knows nothing of workers. */
import { readdirSync, readFileSync } from "node:fs";
import type { EngineName } from "../../../../scripts/services/docker-service.ts";
import { LABELS } from "../../../../src/backends/docker/labels.ts";
import { type ContainerEntry, DockerApi } from "../../live-docker-api.ts";
import type { Note } from "../recording-plane.ts";
import type { Meddling, Prunable } from "./happening.ts";

export interface BystanderOptions {
  readonly socket: string;
  /** Of the engine: whose a containerd-shim is. */
  readonly folder: string;
  readonly flavour: EngineName;
  readonly note: Note;
}

export class Bystander {
  readonly api: DockerApi;
  readonly #folder: string;
  readonly #flavour: EngineName;
  readonly #note: Note;

  constructor({ socket, folder, flavour, note }: BystanderOptions) {
    this.api = new DockerApi(socket);
    this.#folder = folder;
    this.#flavour = flavour;
    this.#note = note;
  }

  async meddle(taskId: string, how: Meddling): Promise<void> {
    const [found] = await this.api.containers(`oz-task-id=${taskId}`, "oz-role=task");
    if (found !== undefined) await this.#meddle(found, how);
  }

  /** `any`: a number by which it is chosen. */
  async meddleWithAny(any: number, how: Meddling): Promise<void> {
    const wanted = how === "unpause" ? "paused" : "running";
    const all = (await this.api.containers("oz-role=task")).filter(({ State }) => State === wanted);
    const found = all[any % all.length];
    if (found !== undefined) await this.#meddle(found, how);
  }

  async prune(what: Prunable): Promise<void> {
    this.#note({ kind: "pruning", what });
    let removed: readonly string[] | null = null;
    try {
      const told = (await this.api.ask("POST", this.#pruneOf(what))) as Pruned;
      removed = [
        // Podman's own list of images.
        ...(Array.isArray(told) ? (told as readonly { readonly Id: string }[]).map(({ Id }) => Id) : []),
        ...(told.ContainersDeleted ?? []),
        ...(told.VolumesDeleted ?? []),
        ...(told.ImagesDeleted ?? []).map(({ Untagged, Deleted }) => Untagged ?? Deleted ?? ""),
      ];
    } finally {
      this.#note({ kind: "pruned", what, removed });
    }
  }

  #pruneOf(what: Prunable): string {
    // Asked as Docker is, podman 4.3 refuses to prune more than images without a name.
    if (this.#flavour === "podman" && what === "images") return "/v4.0.0/libpod/images/prune?all=true";
    // A modern Docker keeps volumes that have a name unless told. The others keep none, and know no such filter.
    const volumes = this.#flavour === "modern" ? { all: ["true"] } : {};
    const wanted = { containers: {}, volumes, images: { dangling: ["false"] } };
    return `/${what}/prune?filters=${encodeURIComponent(JSON.stringify(wanted[what]))}`;
  }

  async removeImage(image: string): Promise<void> {
    this.#note({ kind: "image-removed", image });
    await this.api.ask("DELETE", `/images/${image}?force=1`);
  }

  async unpauseAll(): Promise<void> {
    // It may have been removed, or gone on, since it was listed.
    for (const { Id, State } of await this.api.containers("oz-worker-id"))
      if (State === "paused") await this.api.ask("POST", `/containers/${Id}/unpause`).catch(() => {});
  }

  /** Noted before it is done: its consequences may be there before the engine's answer. */
  async #meddle({ Id: container, Labels }: ContainerEntry, how: Meddling): Promise<void> {
    const taskId = Labels[LABELS.taskId] ?? "";
    // Podman 4.3 cannot give it a policy, and of one without its conmon it says for ever that it runs.
    if (this.#flavour === "podman" && (how === "restart-policy" || how === "kill-shim")) return;
    this.#note({ kind: "meddled", taskId, container, how });
    if (how === "kill-shim") return this.#killShim(container);
    const [method, path, body] = CALLS[how](`/containers/${container}`, taskId);
    await this.api.ask(method, path, body);
  }

  #killShim(container: string): void {
    const shims = readdirSync("/proc").filter(
      (name) => /^\d+$/.test(name) && this.#isShimOf(name, container),
    );
    for (const pid of shims) process.kill(Number(pid), "SIGKILL");
  }

  #isShimOf(pid: string, container: string): boolean {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return argv.includes("containerd-shim") && argv.includes(this.#folder) && argv.includes(container);
    } catch {
      return false; // it has just ended
    }
  }
}

interface Pruned {
  readonly ContainersDeleted?: readonly string[] | null;
  readonly VolumesDeleted?: readonly string[] | null;
  readonly ImagesDeleted?: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
}

type Call = readonly [method: string, path: string, body?: unknown];

const CALLS: Record<Exclude<Meddling, "kill-shim">, (container: string, taskId: string) => Call> = {
  remove: (container) => ["DELETE", `${container}?force=1&v=1`],
  kill: (container) => ["POST", `${container}/kill?signal=KILL`],
  stop: (container) => ["POST", `${container}/stop?t=1`],
  rename: (container, taskId) => ["POST", `${container}/rename?name=renamed-${taskId}`],
  pause: (container) => ["POST", `${container}/pause`],
  unpause: (container) => ["POST", `${container}/unpause`],
  "restart-policy": (container) => ["POST", `${container}/update`, { RestartPolicy: { Name: "always" } }],
};
