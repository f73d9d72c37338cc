/**
 * Brings a task's container to its start: its images, its sidecars, itself. Hosts have `docker system prune` in
 * their crontab, which takes whatever nothing uses yet of all that, so it is made anew while nothing has begun.
 */
import { Backoff } from "../../async/backoff.ts";
import { together } from "../../async/together.ts";
import { pause } from "../../async/wait.ts";
import type { DockerSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { type RunContext, TaskFailure } from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { listSidecars } from "../../task/sidecars.ts";
import type { Engine } from "./engine/engine.ts";
import { isMissing } from "./engine/errors.ts";
import type { ImagePuller } from "./images/puller.ts";
import { LABELS, type Labels } from "./labels.ts";
import { persist } from "./persist.ts";
import type { SidecarHost, SidecarMounts } from "./sidecars/sidecar-mounts.ts";
import { buildContainer, type SidecarMount, taskLabels } from "./task-container.ts";
import type { TaskRun } from "./task-run.ts";

export interface TaskSetupOptions {
  readonly settings: DockerSettings;
  readonly engine: Engine;
  readonly puller: ImagePuller;
  readonly mounts: SidecarMounts;
  /** This worker's own, for whatever it makes. */
  readonly labels: Labels;
}

/** One task's way there. */
interface Way {
  readonly task: TaskSpec;
  readonly image: string;
  readonly run: TaskRun;
  readonly host: SidecarHost;
  readonly context: RunContext;
}

const DEFAULT_IMAGE = "ubuntu:22.04";
const MOST_TRIES = 3;
const RETRY = { firstMs: 200, lastMs: 2_000 } as const;
const REMOVAL = { volumes: true, force: true } as const;

export class TaskSetup {
  private readonly options: TaskSetupOptions;

  constructor(options: TaskSetupOptions) {
    this.options = options;
  }

  /** Resolves with the id of the container, which runs. Throws a TaskFailure, or the signal's reason. */
  async begin(task: TaskSpec, run: TaskRun, context: RunContext): Promise<string> {
    const image = task.assignment.dockerImage.trim() || DEFAULT_IMAGE;
    const host = { container: run.container, labels: this.marks(task), log: context.log };
    const way = { task, image, run, host, context };
    const backoff = new Backoff(RETRY);
    for (let tries = 1; ; tries++) {
      const ready = await this.prepare(way);
      const begun = await context.step("create", () => this.attempt(way, ready));
      if (typeof begun === "string") return begun;
      // One that cannot go now goes with the task.
      await this.options.mounts.removeCopies(host.container, context.signal).catch(() => {});
      if (tries === MOST_TRIES) throw begun;
      context.log.warn("what the task needs was removed before it could start: making it anew", {
        tries,
        error: begun.message,
      });
      await pause(backoff.next(), context.signal);
    }
  }

  private async prepare({ task, image, host, context }: Way): Promise<readonly SidecarMount[]> {
    const { puller, mounts } = this.options;
    const sidecars = listSidecars(task.assignment);
    const [, ready] = await together(
      (signal) => context.step("pull", () => pullImage(puller, image, signal)),
      (signal) => context.step("sidecar", () => mounts.prepare(sidecars, host, signal)),
      context.signal,
    );
    return ready;
  }

  /** The container's id, or what is to be said of the task when it is not tried again, which is safe. */
  private async attempt(way: Way, sidecars: readonly SidecarMount[]): Promise<string | TaskFailure> {
    const { task, image, run, host, context } = way;
    const { volumes, security } = this.options.settings;
    const labels = { ...host.labels, [LABELS.container]: host.container };
    let id: string;
    try {
      id = await run.create(buildContainer({ task, image, sidecars, volumes, security, labels }));
    } catch (error) {
      // Its image is gone, or one that was to be mounted.
      if (error instanceof TaskFailure && isMissing(error.cause)) return error;
      throw error;
    }
    const intact = await persist(
      (signal) => this.options.mounts.areIntact(sidecars, host, signal),
      context.signal,
    );
    if (intact && (await run.start(id))) return id;
    await persist((signal) => this.options.engine.containers.remove(id, REMOVAL, signal), context.signal);
    return intact ? removedBeforeStart(host.container) : volumesRemoved();
  }

  private marks({ assignment }: TaskSpec): Labels {
    return { ...this.options.labels, ...taskLabels(assignment) };
  }
}

async function pullImage(puller: ImagePuller, image: string, signal: AbortSignal): Promise<void> {
  try {
    await puller.ensure(image, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new TaskFailure("image_pull", wordsOf(error), { cause: error });
  }
}

function volumesRemoved(): TaskFailure {
  return new TaskFailure(
    "sidecar_prep",
    "sidecar volumes are removed by somebody else as soon as they are made",
  );
}

function removedBeforeStart(container: string): TaskFailure {
  return new TaskFailure(
    "container_start",
    `the container ${container} was removed by somebody else before it could be started; it is safe to retry`,
  );
}
