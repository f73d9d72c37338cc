/**
 * Whether a container with a worker's labels was made by a worker. `docker commit` writes a container's labels
 * into the image, and whatever somebody runs of that has them too, down to the name of the owner.
 */

import type { ContainerSummary } from "../engine/containers.ts";
import { EngineError } from "../engine/errors.ts";
import type { Images } from "../engine/images.ts";
import { LABELS, type Labels } from "../labels.ts";
import { isAway } from "../persist.ts";
import { keptNameOf, NAME_PREFIX } from "../task-container.ts";

/** An image is its id, so what is known of one stays true; an engine seldom has more than these. */
const MOST_IMAGES = 200;

export class Lineage {
  private readonly images: Pick<Images, "inspect">;
  /** Labels by the image's id. */
  private readonly known = new Map<string, Labels>();

  constructor(images: Pick<Images, "inspect">) {
    this.images = images;
  }

  /**
   * True when all that its labels say of a worker is its image's: no worker set them. Of an image that cannot be
   * looked at, the name decides, which nobody else's container gets by accident. Throws when the engine is away.
   */
  async isStrangers(container: ContainerSummary, signal: AbortSignal): Promise<boolean> {
    const { labels, imageId } = container;
    const inherited = await this.labelsOf(imageId, signal);
    if (inherited === null) return !hasOurName(container);
    return Object.values(LABELS).every((name) => labels[name] === inherited[name]);
  }

  private async labelsOf(imageId: string, signal: AbortSignal): Promise<Labels | null> {
    if (imageId === "") return null;
    const known = this.known.get(imageId);
    if (known !== undefined) return known;
    const labels = await this.inspect(imageId, signal);
    if (labels === null) return null;
    if (this.known.size >= MOST_IMAGES) this.known.clear();
    const ours = Object.values(LABELS).flatMap((name) => {
      const value = labels[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const inherited = Object.fromEntries(ours);
    this.known.set(imageId, inherited);
    return inherited;
  }

  /** Null when there is none any more, or a proxy before the engine shows it to nobody. */
  private async inspect(imageId: string, signal: AbortSignal): Promise<Labels | null> {
    try {
      return (await this.images.inspect(imageId, signal))?.labels ?? null;
    } catch (error) {
      if (error instanceof EngineError && !isAway(error)) return null;
      throw error;
    }
  }
}

function hasOurName({ names, labels }: ContainerSummary): boolean {
  const madeAs = labels[LABELS.container];
  return names.some((name) =>
    madeAs === undefined ? name.startsWith(NAME_PREFIX) : name === madeAs || name === keptNameOf(madeAs),
  );
}
