/** The Kubernetes backend as the scheduler uses it, and all that it says and keeps. */
import { afterEach, beforeEach, jest } from "bun:test";
import { createKubernetesBackend } from "../../src/backends/kubernetes/create.ts";
import type { KubernetesBackend } from "../../src/backends/kubernetes/kubernetes.ts";
import type { KubernetesSettings } from "../../src/config/settings.ts";
import type { ExecutionRef, Handle } from "../../src/journal/execution.ts";
import { type Completion, type RunContext, type StopReason, TaskStopped } from "../../src/task/backend.ts";
import { kubernetesSettings, sampleTask } from "../unit/backends/kubernetes/sample-settings.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { eventually } from "./wait.ts";

export interface RigOptions {
  readonly settings?: Partial<KubernetesSettings>;
  readonly workerId?: string;
  readonly instanceId?: string;
  readonly cleanup?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  /** Calls the start off. */
  readonly signal?: AbortSignal;
}

export interface RiggedTask {
  readonly taskId: string;
  readonly executionId: string;
  /** What the journal would hold, oldest first. */
  readonly handles: Handle[];
  /** Values that no log line may show from then on. */
  readonly hidden: string[];
  /** Until when they stay hidden after its end. */
  readonly lingering: Promise<void>[];
  readonly ended: Promise<Completion>;
  stop(why: StopReason): void;
}

/** To be called once in a file: each of its tests has a cluster of its own, and leaves real time behind. */
export function eachTestHasCluster(use: (cluster: FakeCluster) => void): void {
  let cluster: FakeCluster;
  beforeEach(async () => {
    cluster = await FakeCluster.start();
    use(cluster);
  });
  afterEach(async () => {
    jest.useRealTimers();
    await cluster[Symbol.asyncDispose]();
  });
}

export class KubernetesRig implements AsyncDisposable {
  readonly backend: KubernetesBackend;
  readonly log: RecordedLog;
  readonly #orphanage = new AbortController();
  /** Tasks of a worker that is killed never end; nobody may be told of that. */
  readonly #hurry = new AbortController();

  readonly #cluster: FakeCluster;

  private constructor(cluster: FakeCluster, backend: KubernetesBackend, log: RecordedLog) {
    this.#cluster = cluster;
    this.backend = backend;
    this.log = log;
  }

  static async start(cluster: FakeCluster, options: RigOptions = {}): Promise<KubernetesRig> {
    const log = recordLog();
    const kubeconfig = options.settings?.kubeconfig ?? (await cluster.kubeconfig());
    const backend = await createKubernetesBackend(kubernetesSettings({ ...options.settings, kubeconfig }), {
      workerId: options.workerId ?? "w",
      instanceId: options.instanceId ?? crypto.randomUUID(),
      cleanup: options.cleanup ?? true,
      workerEnvironment: { PATH: process.env["PATH"] ?? "", ...options.environment },
      log,
      signal: options.signal ?? new AbortController().signal,
    });
    return new KubernetesRig(cluster, backend, log);
  }

  /** A task `t-1` whose Job both watches show, by its name. */
  async follow(): Promise<{ readonly task: RiggedTask; readonly name: string }> {
    await this.#cluster.api.until(() => this.#cluster.api.openWatches === 2, "two watches");
    const task = this.run("t-1");
    const { name } = (await this.#cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the Job to be followed");
    return { task, name };
  }

  run(
    taskId: string,
    executionId = `exec-${taskId}`,
    environment: Readonly<Record<string, string>> = { TASK_ID: taskId },
  ): RiggedTask {
    const task = sampleTask({ taskId, executionId }, environment);
    return this.#start(taskId, executionId, (context) => this.backend.run(task, context));
  }

  resume(taskId: string, handle: Handle | null, executionId = `exec-${taskId}`): RiggedTask {
    return this.#start(taskId, executionId, (context) =>
      this.backend.resume({ taskId, executionId }, handle, context),
    );
  }

  /** Its end is in the journal, and the control plane is proven to have read it. */
  reported(task: ExecutionRef): void {
    this.backend.forget(task);
    this.backend.letGo(task);
  }

  findOrphans(adopt: Parameters<KubernetesBackend["findOrphans"]>[0]): void {
    void this.backend.findOrphans(adopt, this.#orphanage.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#orphanage.abort();
    this.#hurry.abort();
    await this.backend[Symbol.asyncDispose]();
  }

  #start(
    taskId: string,
    executionId: string,
    work: (context: RunContext) => Promise<Completion>,
  ): RiggedTask {
    const stop = new AbortController();
    const handles: Handle[] = [];
    const hidden: string[] = [];
    const lingering: Promise<void>[] = [];
    const ended = work({
      signal: stop.signal,
      hurry: this.#hurry.signal,
      log: this.log.with({ taskId }),
      saveHandle: (handle) => void handles.push(handle),
      step: (_name, part) => part(),
      hide: (values) => void hidden.push(...values),
      linger: (done) => void lingering.push(done),
    });
    // Whoever cares waits for it; a test that does not must not be failed by it.
    ended.catch(() => {});
    const stopFor = (why: StopReason) => stop.abort(new TaskStopped(why));
    return { taskId, executionId, handles, hidden, lingering, ended, stop: stopFor };
  }
}

/**
 * Under fake timers: lets time pass in small steps, and between them lets what is on its way to the
 * server and back arrive, until `probe` holds.
 */
export async function passTime<T>(
  cluster: FakeCluster,
  probe: () => T | null | undefined | false,
  { stepMs = 500, mostMs = 120_000 }: { readonly stepMs?: number; readonly mostMs?: number } = {},
): Promise<T> {
  for (let passedMs = 0; passedMs <= mostMs; passedMs += stepMs) {
    const found = probe();
    if (found !== null && found !== undefined && found !== false) return found;
    jest.advanceTimersByTime(stepMs);
    for (let turn = 0; turn < 3; turn++) await cluster.turn();
  }
  throw new Error(`it did not come about within ${mostMs} ms of fake time`);
}

/** Settles with `work`, letting fake time pass for it. */
export async function passTimeFor<T>(cluster: FakeCluster, work: Promise<T>): Promise<T> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  work.then(mark, mark);
  await passTime(cluster, () => settled, { stepMs: 50 });
  return work;
}
