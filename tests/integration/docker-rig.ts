/** Workers on one engine that keeps state: each with the parts that make the Docker backend, and some dead. */
import { afterEach, beforeEach, jest } from "bun:test";
import { never } from "../../src/async/wait.ts";
import { createDockerBackend } from "../../src/backends/docker/create.ts";
import { Disposal } from "../../src/backends/docker/disposal.ts";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import type { Engine } from "../../src/backends/docker/engine/engine.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import { Census } from "../../src/backends/docker/ownership/census.ts";
import { Claims } from "../../src/backends/docker/ownership/claims.ts";
import { EndedMarks } from "../../src/backends/docker/ownership/ended-marks.ts";
import { LockSmith } from "../../src/backends/docker/ownership/engine-lock.ts";
import { Lineage } from "../../src/backends/docker/ownership/lineage.ts";
import { describeSelf, type Owner, writeOwner } from "../../src/backends/docker/ownership/owner.ts";
import { SharedVolumes } from "../../src/backends/docker/sidecars/shared-volume.ts";
import { Watcher } from "../../src/backends/docker/watcher.ts";
import type { DockerSettings } from "../../src/config/settings.ts";
import type { Handle } from "../../src/journal/execution.ts";
import type { Completion, RunContext, StopReason } from "../../src/task/backend.ts";
import { TaskStopped } from "../../src/task/backend.ts";
import type { TaskSpec } from "../../src/task/prepare.ts";
import { StatefulEngine } from "../support/stateful-engine.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";
import { type SampleFields, sampleAssignment } from "../unit/task/sample-assignment.ts";

export const WORKER_ID = "w";
export const signal = never();
/** As of a config file that says nothing of its own. */
export const PLAIN_SETTINGS: DockerSettings = {
  kind: "docker",
  volumes: [],
  environment: [],
  imagePullPolicy: "always",
  sidecarVolumeMaxAgeMs: null,
  minFreeBytes: 0,
  network: null,
  defaultLimits: { vcpus: 0, memoryGb: 0 },
  security: { noNewPrivileges: false, pidsLimit: null, capDrop: [], runtime: null },
};

/** A process of this host that is no more. */
export function deadOwner(instanceId: string): Owner {
  return { ...describeSelf(instanceId, ""), pid: 2 ** 22 - 1 };
}

export function labelsOf(owner: Owner): Readonly<Record<string, string>> {
  return {
    [LABELS.workerId]: WORKER_ID,
    [LABELS.instance]: owner.instanceId,
    [LABELS.owner]: writeOwner(owner),
  };
}

export function taskLabelsOf(owner: Owner, taskId: string, executionId = `exec-${taskId}`) {
  return {
    ...labelsOf(owner),
    [LABELS.role]: "task",
    [LABELS.taskId]: taskId,
    [LABELS.executionId]: executionId,
  };
}

/** To be called once in a file: each of its tests has an engine of its own, and leaves real time behind. */
export function eachTestHasRig(use: (rig: DockerRig) => void | Promise<void>): void {
  let rig: DockerRig;
  beforeEach(async () => {
    rig = await DockerRig.start();
    await use(rig);
  });
  afterEach(async () => {
    jest.useRealTimers();
    await rig[Symbol.asyncDispose]();
  });
}

export class DockerRig implements AsyncDisposable {
  readonly fake: StatefulEngine;
  readonly #opened: AsyncDisposable[] = [];

  private constructor(fake: StatefulEngine) {
    this.fake = fake;
  }

  static async start(api?: string): Promise<DockerRig> {
    return new DockerRig(await StatefulEngine.start(api));
  }

  async engine(): Promise<Engine> {
    const engine = await this.fake.connect();
    this.#opened.push(engine);
    return engine;
  }

  /** The parts of one worker, with a client of its own. */
  async worker(instanceId: string, owner = describeSelf(instanceId, "")) {
    const engine = await this.engine();
    const log = recordLog();
    const labels = labelsOf(owner);
    const watcher = new Watcher(engine, log);
    this.#opened.push({ [Symbol.asyncDispose]: async () => watcher[Symbol.dispose]() });
    const census = new Census(owner, engine.containers);
    const { containers, images } = engine;
    const locks = new LockSmith({ containers, images, watcher, census, labels });
    const marks = new EndedMarks({ engine, workerId: WORKER_ID, labels });
    const lineage = new Lineage(engine.images);
    const claims = new Claims({ engine, locks, marks, lineage, labels, log });
    const shared = new SharedVolumes({ engine, locks, labels, log });
    const disposal = new Disposal({ engine, marks, removeCopies: async () => {} });
    return { engine, log, labels, watcher, census, lineage, locks, claims, shared, marks, disposal };
  }

  /** The whole backend of one worker, as the daemon makes it. */
  async backend(
    instanceId: string,
    options: {
      cleanup?: boolean;
      verbose?: boolean;
      mounts?: string;
      stop?: AbortSignal;
      settings?: Partial<DockerSettings>;
    } = {},
  ) {
    const log = recordLog();
    const settings = { ...PLAIN_SETTINGS, ...options.settings };
    const backend = await createDockerBackend(settings, {
      workerId: WORKER_ID,
      instanceId,
      cleanup: options.cleanup ?? true,
      verbose: options.verbose ?? false,
      graceMs: 2_000,
      workerEnvironment: { DOCKER_HOST: this.fake.http.host, DOCKER_CONFIG: "/nowhere" },
      log,
      signal: options.stop ?? new AbortController().signal,
      ...(options.mounts === undefined ? {} : { mounts: options.mounts }),
    });
    this.#opened.push(backend);
    return { backend, log };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#opened.reverse()) await one[Symbol.asyncDispose]();
    await this.fake[Symbol.asyncDispose]();
  }
}

export type Ended = { readonly kind: Completion } | { readonly kind: "failed"; readonly error: unknown };

export interface TaskUnderTest {
  readonly ended: Promise<Ended>;
  readonly log: RecordedLog;
  /** As the journal holds it now. */
  readonly handle: () => Handle | null;
  /** The names of those that have thrown, in order. */
  readonly failedSteps: readonly string[];
  stop(why: StopReason): void;
  hurry(): void;
}

/** One task as the scheduler would run it. */
export function underTest(
  work: (context: RunContext) => Promise<Completion>,
  saved: Handle | null = null,
): TaskUnderTest {
  const stop = new AbortController();
  const hurry = new AbortController();
  const log = recordLog();
  const failedSteps: string[] = [];
  let handle = saved;
  const context: RunContext = {
    signal: stop.signal,
    hurry: hurry.signal,
    log,
    saveHandle: (next) => {
      handle = next;
    },
    step: async (name, inner) => {
      try {
        return await inner();
      } catch (error) {
        failedSteps.push(name);
        throw error;
      }
    },
  };
  const ended = work(context).then(
    (kind): Ended => ({ kind }),
    (error: unknown): Ended => ({ kind: "failed", error }),
  );
  return {
    ended,
    log,
    handle: () => handle,
    failedSteps,
    stop: (why) => stop.abort(new TaskStopped(why)),
    hurry: () => hurry.abort(new Error("no more time")),
  };
}

export function runTask(
  backend: DockerBackend,
  fields: SampleFields = {},
  environment: TaskSpec["environment"] = {},
): TaskUnderTest {
  const task: TaskSpec = { assignment: sampleAssignment(fields), argv: ["agent"], environment };
  return underTest((context) => backend.run(task, context));
}

export function resumeTask(backend: DockerBackend, handle: Handle | null, taskId = "t-1"): TaskUnderTest {
  const ref = { taskId, executionId: `exec-${taskId}` };
  return underTest((context) => backend.resume(ref, handle, context), handle);
}
