/** Whether the owner of something in the engine still lives. Only proof of death counts as death. */
import { mayExist, readProcess } from "../../../process/process-table.ts";
import { isAtRest } from "../engine/container-state.ts";
import type { Containers } from "../engine/containers.ts";
import type { Owner } from "./owner.ts";

export type Life = "self" | "alive" | "dead" | "unknown";

export class Census {
  private readonly self: Owner;
  private readonly containers: Pick<Containers, "find">;

  constructor(self: Owner, containers: Pick<Containers, "find">) {
    this.self = self;
    this.containers = containers;
  }

  /** `owner` null: not a worker of ours. Throws what the engine throws. */
  async lifeOf(owner: Owner | null, signal: AbortSignal): Promise<Life> {
    if (owner === null) return "unknown";
    if (owner.instanceId === this.self.instanceId) return "self";
    if (owner.containerId === "") return this.lifeOnHost(owner);
    const container = await this.containers.find(owner.containerId, signal);
    // One that is paused, or told to stop and within its grace, lives, and reports its tasks by itself.
    if (isAtRest(container)) return "dead";
    // Another process of this very container: its pids can be seen from here.
    return owner.containerId === this.self.containerId ? this.lifeOfProcess(owner) : "alive";
  }

  private lifeOnHost(owner: Owner): Life {
    if (owner.bootId === "" || this.self.bootId === "") return "unknown";
    if (owner.bootId === this.self.bootId) return this.lifeOfProcess(owner);
    // This host has been started anew since, so all its processes of then are gone. Of another host
    // that shares the engine nothing is known.
    return owner.machineId !== "" && owner.machineId === this.self.machineId ? "dead" : "unknown";
  }

  private lifeOfProcess(owner: Owner): Life {
    // A container that was started again has a new namespace of pids, and so has every process in it.
    if (owner.pidNamespace !== this.self.pidNamespace) return owner.containerId === "" ? "unknown" : "dead";
    const entry = readProcess(owner.pid);
    if (entry === null && mayExist(owner.pid)) return "unknown";
    return entry !== null && !entry.zombie && entry.startedAt === owner.startedAt ? "alive" : "dead";
  }
}
