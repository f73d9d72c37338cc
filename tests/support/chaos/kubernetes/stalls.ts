/** Stops programs of the cluster for a while: those that depend on them are held up, and find much to do at once after that. */
import type { LiveCluster } from "../../live-cluster.ts";
import type { Note } from "../recording-plane.ts";
import type { ClusterProgram, Stall } from "./happening.ts";

export class Stalls implements Disposable {
  readonly #cluster: LiveCluster;
  readonly #note: Note;
  readonly #stalled = new Map<ClusterProgram, Disposable>();

  constructor(cluster: LiveCluster, note: Note) {
    this.#cluster = cluster;
    this.#note = note;
  }

  make(program: ClusterProgram, how: Stall): void {
    this.#note({ kind: "stalled", program, how });
    const stalled = this.#stalled.get(program);
    if (how === "stop") {
      if (stalled === undefined) this.#stalled.set(program, this.#cluster.stall(program));
      return;
    }
    stalled?.[Symbol.dispose]();
    this.#stalled.delete(program);
  }

  /** The cluster is not this campaign's alone, and nothing can be removed from one that stands still. */
  [Symbol.dispose](): void {
    for (const stalled of this.#stalled.values()) stalled[Symbol.dispose]();
  }
}
