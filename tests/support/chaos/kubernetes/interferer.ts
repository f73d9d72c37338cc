/** Somebody who works in the cluster beside the workers, and knows nothing of them. */
import { jobNameOf } from "../../../../src/backends/kubernetes/job/name.ts";
import type { LiveCluster } from "../../live-cluster.ts";
import type { Note } from "../recording-plane.ts";
import type { Interference } from "./happening.ts";
import type { ClusterTaskPlan } from "./plan.ts";

export interface InterfererOptions {
  readonly cluster: LiveCluster;
  readonly namespace: string;
  readonly note: Note;
}

export class Interferer {
  readonly #options: InterfererOptions;
  /** Of the one before: while the server stands still several wait, and would be taken in any order. */
  #done: Promise<void> = Promise.resolve();

  constructor(options: InterfererOptions) {
    this.#options = options;
  }

  /** What is not there at the moment, or is not taken, is none of the campaign's. */
  interfere(task: ClusterTaskPlan, how: Interference): Promise<void> {
    const done = this.#done.then(() => this.#interfere(task, how));
    this.#done = done.catch(() => {});
    return done;
  }

  async #interfere(
    { taskId, executions: [{ executionId }] }: ClusterTaskPlan,
    how: Interference,
  ): Promise<void> {
    const job = jobNameOf(taskId, executionId);
    const pods = ["delete", "pods", "--selector", `batch.kubernetes.io/job-name=${job}`, "--wait=false"];
    // Before it is done: nothing that follows of it is before this.
    this.#options.note({ kind: "interfered", taskId, how });
    switch (how) {
      case "delete-job":
        await this.#kubectl("delete", "job", job, "--wait=false");
        return;
      case "delete-pod":
        await this.#kubectl(...pods);
        return;
      case "force-pod":
        await this.#kubectl(...pods, "--force", "--grace-period=0");
        return;
      case "suspend":
      case "resume":
        await this.#kubectl("patch", "job", job, "--patch", suspendPatch(how === "suspend"));
        return;
      default:
        how satisfies never;
    }
  }

  async #kubectl(...args: readonly string[]): Promise<void> {
    const { cluster, namespace } = this.#options;
    await cluster.tryKubectl("--namespace", namespace, ...args);
  }
}

function suspendPatch(suspend: boolean): string {
  return JSON.stringify({ spec: { suspend } });
}
