/** Whose containers and volumes with this worker id's labels are, and whether those live. */
import type { Logger } from "../../../logging/logger.ts";
import { type ContainerSummary, nameOf } from "../engine/container-state.ts";
import { LABELS } from "../labels.ts";
import type { Census, Life } from "./census.ts";
import type { Lineage } from "./lineage.ts";
import { readOwner } from "./owner.ts";

export interface OwnersOptions {
  readonly census: Census;
  readonly lineage: Lineage;
  readonly log: Logger;
}

export class Owners {
  private readonly options: OwnersOptions;
  /** Ids of containers that are others' own. */
  private readonly strangersTold = new Set<string>();
  private unknownTold = false;

  constructor(options: OwnersOptions) {
    this.options = options;
  }

  async lifeOf(labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Life> {
    const owner = readOwner(labels[LABELS.instance], labels[LABELS.owner]);
    const life = await this.options.census.lifeOf(owner, signal);
    if (life === "unknown" && !this.unknownTold) {
      this.unknownTold = true;
      this.options.log.info("containers of a worker of this id are left alone", {
        hint: "whether that worker lives cannot be seen from here: it is on another host, or hidden from this user",
      });
    }
    return life;
  }

  /** Made by a worker, and that one is dead. */
  async haveLeft(container: ContainerSummary, signal: AbortSignal): Promise<boolean> {
    if ((await this.lifeOf(container.labels, signal)) !== "dead") return false;
    if (!(await this.options.lineage.isStrangers(container, signal))) return true;
    if (!this.strangersTold.has(container.id))
      this.options.log.info("container with the labels of a worker was not made by one: leaving it alone", {
        container: nameOf(container),
        hint: "it comes of an image that was committed of a task's container",
      });
    this.strangersTold.add(container.id);
    return false;
  }

  /** Of the containers: all that there are. */
  forgetAllBut(present: ReadonlySet<string>): void {
    for (const id of this.strangersTold) if (!present.has(id)) this.strangersTold.delete(id);
  }
}
