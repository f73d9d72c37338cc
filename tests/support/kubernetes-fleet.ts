/** Workers of one id on one cluster, under fake timers, each of which can be cut off from its API server. */
import { afterEach, beforeEach, jest } from "bun:test";
import type { Adoption, Orphan } from "../../src/task/backend.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { KubernetesRig, passTime, passTimeFor, type RiggedTask, type RigOptions } from "./kubernetes-rig.ts";

type FleetOptions = Parameters<typeof FakeCluster.start>[0];

/** A new one for each test of a file, which is gone after it. What is returned is the present test's. */
export function eachTestHasFleet(use: (fleet: KubernetesFleet) => void) {
  let fleet: KubernetesFleet;
  const start = async (options?: FleetOptions) => {
    fleet = await KubernetesFleet.start(options);
    use(fleet);
  };
  beforeEach(() => start());
  afterEach(() => fleet.end());
  return {
    worker: (...given: Parameters<KubernetesFleet["worker"]>) => fleet.worker(...given),
    runningTask: (...given: Parameters<KubernetesFleet["runningTask"]>) => fleet.runningTask(...given),
    instanceOf: (job: string) => fleet.instanceOf(job),
    adopting: (...given: Parameters<KubernetesFleet["adopting"]>) => fleet.adopting(...given),
    completesTaken: (...given: Parameters<KubernetesFleet["completesTaken"]>) =>
      fleet.completesTaken(...given),
    aMinute: () => fleet.aMinute(),
    stop: (rig: KubernetesRig) => fleet.stop(rig),
    /** Another cluster in its place. */
    startAnew: async (options: FleetOptions) => {
      await fleet.end();
      await start(options);
    },
  };
}

export class KubernetesFleet {
  readonly cluster: FakeCluster;
  /** Those that are cut off, by their token: `Bearer NAME`. */
  readonly cutOff = new Set<string>();
  readonly #rigs = new Set<KubernetesRig>();

  private constructor(cluster: FakeCluster) {
    this.cluster = cluster;
    cluster.api.fault = ({ headers }) => (this.cutOff.has(String(headers["authorization"])) ? "cut" : null);
  }

  static async start(options: FleetOptions = {}): Promise<KubernetesFleet> {
    const fleet = new KubernetesFleet(await FakeCluster.start(options));
    jest.useFakeTimers();
    return fleet;
  }

  async worker(name: string, options: RigOptions = {}): Promise<KubernetesRig> {
    const kubeconfig = await this.cluster.kubeconfig({ token: name }, {}, name);
    const rig = await passTimeFor(
      this.cluster,
      KubernetesRig.start(this.cluster, { ...options, settings: { ...options.settings, kubeconfig } }),
    );
    this.#rigs.add(rig);
    return rig;
  }

  async runningTask(rig: KubernetesRig, taskId: string, executionId?: string) {
    const task = rig.run(taskId, executionId);
    await passTime(this.cluster, () => task.handles.at(-1)?.["ready"], { stepMs: 10 });
    const { name } = (await this.cluster.jobOf(taskId)).metadata;
    return { task, name };
  }

  instanceOf(job: string): string {
    return this.cluster.api.store.get("jobs", job).metadata.labels["oz-instance"];
  }

  /** Takes up whatever it is offered, as the scheduler does. */
  adopting(rig: KubernetesRig, ...answers: readonly Adoption[]) {
    const orphans: Orphan[] = [];
    const tasks: RiggedTask[] = [];
    rig.findOrphans((orphan) => {
      const answer = answers[orphans.length] ?? "taken";
      orphans.push(orphan);
      if (answer === "taken") tasks.push(rig.resume(orphan.taskId, orphan.handle, orphan.executionId));
      return answer;
    });
    return { orphans, tasks };
  }

  /** What the worker takes over comes to its end there, and its Job goes. */
  async completesTaken(by: KubernetesRig, tasks: readonly RiggedTask[], job: string): Promise<void> {
    const [taken] = await passTime(this.cluster, () => tasks.length === 1 && tasks);
    this.cluster.complete(job);
    await passTimeFor(this.cluster, taken?.ended ?? Promise.reject());
    by.reported(taken ?? { taskId: "", executionId: "" });
    await passTime(this.cluster, () => this.cluster.jobs().length === 0);
  }

  aMinute(): Promise<true> {
    const until = performance.now() + 60_000;
    return passTime(this.cluster, () => performance.now() >= until || null, { stepMs: 1000 });
  }

  async stop(rig: KubernetesRig): Promise<void> {
    this.#rigs.delete(rig);
    await passTimeFor(this.cluster, rig[Symbol.asyncDispose]());
  }

  async end(): Promise<void> {
    this.cutOff.clear();
    for (const rig of this.#rigs) await this.stop(rig);
    jest.useRealTimers();
    await this.cluster[Symbol.asyncDispose]();
  }
}
