/**
 * Remembers in the engine of a container that could not be removed that its task has ended and is
 * reported, or about to be by the journal that holds its end. Labels of a container cannot be changed, so
 * an empty volume says it; no other worker may take such a container for a task to take over.
 */
import { shortIdOf } from "../engine/container-state.ts";
import type { Engine } from "../engine/engine.ts";
import { LABELS, type Labels, labelFilter, type Role } from "../labels.ts";
import { unlessForbidden, unlessRefused } from "../persist.ts";

export interface EndedMarksOptions {
  readonly engine: Pick<Engine, "volumes">;
  readonly workerId: string;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
}

export class EndedMarks {
  private readonly options: EndedMarksOptions;

  constructor(options: EndedMarksOptions) {
    this.options = options;
  }

  /**
   * `id`: the container's, in full. It is this process's mark from now on, whoever's it was. Throws what the
   * engine throws, as all of these.
   */
  async set(id: string, signal: AbortSignal): Promise<void> {
    const { engine, labels } = this.options;
    const role: Role = "ended";
    const marks = { ...labels, [LABELS.role]: role, [LABELS.ended]: id };
    await engine.volumes.remove(nameOf(id), signal);
    await engine.volumes.create({ name: nameOf(id), labels: marks }, signal);
  }

  /** The instance id of the process that marked it; null: none did. */
  async markedBy(id: string, signal: AbortSignal): Promise<string | null> {
    const mark = await unlessForbidden(this.options.engine.volumes.inspect(nameOf(id), signal), null);
    return mark === null ? null : (mark.labels[LABELS.instance] ?? "");
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    await this.options.engine.volumes.remove(nameOf(id), signal);
  }

  /** Ids of the containers that are marked. */
  async list(signal: AbortSignal): Promise<readonly string[]> {
    const { engine, workerId } = this.options;
    const labels = [labelFilter("workerId", workerId), labelFilter("role", "ended")];
    const volumes = await unlessRefused(engine.volumes.list({ labels }, signal), []);
    return volumes.flatMap((volume) => volume.labels[LABELS.ended] ?? []);
  }
}

function nameOf(id: string): string {
  return `oz-worker-ended-${shortIdOf(id)}`;
}
