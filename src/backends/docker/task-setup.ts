/**
 * Brings a task's container to its start: its images, its sidecars, itself. Hosts have `docker system prune` in
 * their crontab, which takes whatever nothing uses yet of all that, so it is made anew while nothing has begun.
 * Some engines refuse to mount images (Docker 29.0 to 29.1.3 nearly always, "file name too long"; 28 the same one
 * twice), so a container that is refused with them is tried with volumes.
 */
import { Backoff } from "../../async/backoff.ts";
import { together } from "../../async/together.ts";
import { pause } from "../../async/wait.ts";
import type { DockerSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { imageOf } from "../../protocol/stand-ins.ts";
import { type RunContext, TaskFailure } from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import { listSidecars } from "../../task/sidecars.ts";
import { shortIdOf } from "./engine/container-state.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineError, isMissing } from "./engine/errors.ts";
import type { ImagePuller } from "./images/puller.ts";
import { LABELS, type Labels } from "./labels.ts";
import { isAway, persist } from "./persist.ts";
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

/** What kept a container from its start, which can be tried again without harm. */
interface Setback {
  readonly failure: TaskFailure;
  readonly kind: "removed" | "images refused";
}

/** One task's way there. */
interface Way {
  readonly task: TaskSpec;
  readonly image: string;
  readonly run: TaskRun;
  readonly host: SidecarHost;
  readonly context: RunContext;
}

const BAD_REQUEST = 400;
const MOST_TRIES = 3;
const RETRY = { firstMs: 200, lastMs: 2_000 } as const;
const SETBACKS = {
  removed: "what the task needs was removed before it could start: making it anew",
  "images refused": "engine refuses the container with its sidecars' images mounted: trying volumes instead",
} as const satisfies Record<Setback["kind"], string>;

export class TaskSetup {
  private readonly options: TaskSetupOptions;

  constructor(options: TaskSetupOptions) {
    this.options = options;
  }

  /** Resolves with the id of the container, which runs. Throws a TaskFailure, or the signal's reason. */
  async begin(task: TaskSpec, run: TaskRun, context: RunContext): Promise<string> {
    const image = imageOf(task.assignment);
    const host = { container: run.container, labels: this.marks(task), log: context.log };
    const { mounts } = this.options;
    const backoff = new Backoff(RETRY);
    let refusal: TaskFailure | null = null;
    for (let tries = 1; ; tries++) {
      const volumesOnly = refusal !== null;
      const way: Way = { task, image, run, host: { ...host, volumesOnly }, context };
      const ready = await this.prepare(way).catch((error: unknown) => {
        // Without that refusal nobody would have asked for volumes.
        throw error instanceof TaskFailure && refusal !== null ? refusal : error;
      });
      const begun = await context.step("create", () => this.attempt(way, ready));
      if (typeof begun === "string") {
        if (volumesOnly) mounts.giveUpImages();
        return begun;
      }
      const { failure, kind } = begun;
      // One that cannot go now goes with the task.
      await mounts.removeCopies(host.container, context.signal).catch(() => {});
      if (tries === MOST_TRIES) throw failure;
      context.log.warn(SETBACKS[kind], { tries, error: failure.message });
      if (kind === "images refused") refusal = failure;
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

  /** The container's id, or what is to be said of the task when it is not tried again. */
  private async attempt(way: Way, sidecars: readonly SidecarMount[]): Promise<string | Setback> {
    const { task, image, run, host } = way;
    const { settings } = this.options;
    const labels = { ...host.labels, [LABELS.container]: host.container };
    let id: string;
    try {
      id = await run.create(buildContainer({ task, image, sidecars, settings, labels }));
    } catch (error) {
      if (!(error instanceof TaskFailure)) throw error;
      // Its image is gone, or one that was to be mounted.
      if (isMissing(error.cause)) return { failure: error, kind: "removed" };
      const mountsImages = sidecars.some(({ kind }) => kind === "image");
      if (mountsImages && mayMindImages(error.cause)) return { failure: error, kind: "images refused" };
      throw error;
    }
    const intact = await this.areIntact(way, sidecars);
    if (intact && (await run.start(id))) return id;
    await this.remove(id, way);
    const failure = intact ? removedBeforeStart(host.container) : volumesRemoved();
    return { failure, kind: "removed" };
  }

  private async areIntact({ host, context }: Way, sidecars: readonly SidecarMount[]): Promise<boolean> {
    const { mounts } = this.options;
    try {
      return await persist((signal) => mounts.areIntact(sidecars, host, signal), context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      const what = `cannot look whether the container ${host.container} has its sidecar volumes`;
      throw new TaskFailure("sidecar_prep", `${what}: ${wordsOf(error)}`, { cause: error });
    }
  }

  /** Of what has not begun. Its name is needed for the next one. */
  private async remove(id: string, { host, context }: Way): Promise<void> {
    const { containers } = this.options.engine;
    try {
      await persist((signal) => containers.remove(id, signal), context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      const { container } = host;
      const what = `cannot remove the container ${container}, of which somebody has removed a part, to make it anew`;
      // By its id: it gets another name when it cannot be removed at the task's end either.
      const byHand = `docker rm --force ${shortIdOf(id)}`;
      const advice = `it has not been started, so it is safe to retry; if it stays: ${byHand}`;
      throw new TaskFailure("container_create", `${what}: ${wordsOf(error)}; ${advice}`, { cause: error });
    }
  }

  private marks({ assignment }: TaskSpec): Labels {
    return { ...this.options.labels, ...taskLabels(assignment) };
  }
}

/** One that calls the request itself a bad one (400) minds something else, and would so without them. */
function mayMindImages(cause: unknown): boolean {
  return cause instanceof EngineError && cause.status !== BAD_REQUEST && !isAway(cause);
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
