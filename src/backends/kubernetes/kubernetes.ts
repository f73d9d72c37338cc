/**
 * Kubernetes: each task is a Job. It lives in the cluster and not in this process, so a stop or a crash
 * of the worker leaves it alone; the next worker, or another one of the same id, waits for it.
 */
import type { V1Job } from "@kubernetes/client-node";
import { within } from "../../async/wait.ts";
import type { KubernetesSettings } from "../../config/settings.ts";
import type { ExecutionRef, Handle } from "../../journal/execution.ts";
import type { Logger } from "../../logging/logger.ts";
import {
  type Adoption,
  type Backend,
  type Completion,
  notBegun,
  notPrepared,
  type Orphan,
  type RunContext,
  readOwnHandle,
  TaskFailure,
  TaskStopped,
} from "../../task/backend.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import type { Cluster } from "./cluster.ts";
import { jobNameOf } from "./job/name.ts";
import type { Ownership } from "./ownership/ownership.ts";
import { fateOf } from "./run/failed-job.ts";
import { logFailure } from "./run/failure-log.ts";
import { Fates } from "./run/fates.ts";
import { followJob, type JobEnd } from "./run/follow-job.ts";
import { type JobHandle, readHandle, type StoppedBy, writeHandle } from "./run/handle.ts";
import { Launcher } from "./run/launcher.ts";
import { elsewhere, missing } from "./run/lost-job.ts";
import { isPrepared } from "./run/prepared.ts";
import { Retirement } from "./run/retirement.ts";
import { noteStop, passOnStop, stopJob, stoppedBy } from "./run/stop-job.ts";
import { isFinished } from "./verdict/job-condition.ts";
import type { Failed } from "./verdict/view.ts";
import type { Observatory } from "./watch/observatory.ts";

export interface KubernetesOptions {
  readonly settings: KubernetesSettings;
  readonly workerId: string;
  readonly instanceId: string;
  readonly cleanup: boolean;
  readonly cluster: Cluster;
  readonly observatory: Observatory;
  readonly ownership: Ownership;
  /** Made now or waiting to be made. */
  readonly engineCalls: () => number;
  /** Needed until the last call is made. */
  readonly credentials: Disposable;
  /** Whether the tasks' environment goes into Secrets. */
  readonly envSecrets: boolean;
  readonly log: Logger;
}

/** For Jobs that are being created when the worker stops: without it, one would be there that nobody noted. */
const LAST_CREATE_MS = 5_000;

export class KubernetesBackend implements Backend {
  readonly kind = "kubernetes";
  readonly usesImages = true;
  readonly outlivesWorker = true;
  readonly engineCalls: () => number;
  private readonly options: KubernetesOptions;
  private readonly retirement: Retirement;
  private readonly fates: Fates;
  private readonly launcher: Launcher;
  private readonly creating = new Set<Promise<unknown>>();
  /** The link is closed, and the cluster is being let go. */
  private leaving = false;

  constructor(options: KubernetesOptions) {
    this.options = options;
    this.engineCalls = options.engineCalls;
    this.retirement = new Retirement(options);
    this.fates = new Fates(this.retirement);
    this.launcher = new Launcher({ ...options, retirement: this.retirement, fates: this.fates });
  }

  /** Not async: a function that waits holds its parameters, and nobody needs the task once its Job is there. */
  run(task: TaskSpec, context: RunContext): Promise<Completion> {
    const ref = refOf(task);
    // From before it is there: even what ends and goes in the same moment is seen.
    const following = this.options.observatory.follow(jobNameOf(ref.taskId, ref.executionId));
    return this.unlessLeaving(this.seeThrough(ref, following, this.create(task, ref, context), context));
  }

  resume(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    return this.unlessLeaving(this.takeUp(ref, saved, context));
  }

  private async seeThrough(
    ref: ExecutionRef,
    following: Disposable,
    created: Promise<JobHandle>,
    context: RunContext,
  ): Promise<Completion> {
    using _ = following;
    this.creating.add(created);
    const handle = await context.step("create", () => created).finally(() => this.creating.delete(created));
    return context.step("run", () => this.follow(ref, handle, context));
  }

  private async takeUp(ref: ExecutionRef, saved: Handle | null, context: RunContext): Promise<Completion> {
    const handle = readOwnHandle(saved, readHandle) ?? this.presumed(ref);
    if (handle === null) throw notBegun();
    const { cluster } = this.options;
    if (handle.namespace !== cluster.namespace) throw elsewhere(handle, cluster.namespace);
    // One that is stopped meanwhile has to be found all the same: its Job would run on.
    const patient = { ...context, signal: context.hurry };
    const found = await this.options.ownership.reclaim(handle, patient);
    const stopping = handle.stopping ?? (context.signal.aborted ? stoppedBy(context.signal.reason) : null);
    if (found === "taken") {
      // To whoever has it now, and may not know that nobody wants it any more.
      if (stopping !== null && handle.uid !== null) {
        await noteStop({ name: handle.job, uid: handle.uid, why: stopping }, { ...context, cluster });
      }
      return "handed-off";
    }
    if (stopping !== null) return this.stop(ref, found ?? handle, stopping, context);
    if (found === null || saved === null) {
      if (await this.options.ownership.wasTaken(handle, context.signal)) return "handed-off";
      throw saved === null ? notBegun() : missing(handle);
    }
    if (!found.ready && !(await isPrepared(found, cluster, patient))) {
      this.fates.decide(ref, found, "delete", context);
      // Its Job is there, and what that needs is not.
      throw notPrepared();
    }
    return context.step("run", () => this.follow(ref, found, context));
  }

  /** Of one that died before it had a handle: another worker may have been given the same execution since. */
  private presumed({ taskId, executionId }: ExecutionRef): JobHandle | null {
    if (executionId === "") return null;
    const { cluster, instanceId: instance } = this.options;
    const job = jobNameOf(taskId, executionId);
    const unknown = { uid: null, ready: false, formerInstance: null, stopping: null };
    return { namespace: cluster.namespace, job, instance, ...unknown };
  }

  forget(ref: ExecutionRef): void {
    this.fates.ended(ref);
  }

  letGo(ref: ExecutionRef): void {
    this.fates.proven(ref);
  }

  findOrphans(adopt: (orphan: Orphan) => Adoption, signal: AbortSignal): Promise<void> {
    return this.options.ownership.findOrphans(adopt, (job) => this.retireReported(job), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { ownership, observatory, credentials } = this.options;
    using _ = credentials;
    this.leaving = true;
    await within(Promise.allSettled(this.creating), LAST_CREATE_MS, null);
    await this.retirement[Symbol.asyncDispose]();
    await ownership[Symbol.asyncDispose]();
    await observatory[Symbol.asyncDispose]();
  }

  /**
   * As `end`, unless the worker is on its way out, and the control plane is not told of anything any more. A task that
   * ends then is left as it is to whoever follows its Job next, who may not have this worker's journal.
   */
  private async unlessLeaving(end: Promise<Completion>): Promise<Completion> {
    try {
      return await end;
    } finally {
      if (this.leaving) await new Promise<never>(() => {});
    }
  }

  private async create(task: TaskSpec, ref: ExecutionRef, context: RunContext): Promise<JobHandle> {
    const plan = this.launcher.plan(task, ref);
    try {
      return await this.launcher.launch(plan, context);
    } catch (error) {
      if (context.signal.aborted) await this.stopUncertain(ref, plan.handle, context);
      throw error;
    }
  }

  private async follow(ref: ExecutionRef, handle: JobHandle, context: RunContext): Promise<Completion> {
    const { cluster, observatory, ownership, settings, cleanup } = this.options;
    const { signal, log } = context;
    const startedAt = performance.now();
    const { job: name, uid } = handle;
    const target = { name, uid: uid ?? "", instances: this.namesOn(handle), readySinceMs: cluster.now() };
    let end: JobEnd;
    try {
      using following = observatory.follow(handle.job);
      const { subscription } = following;
      const { unschedulableTimeoutMs } = settings;
      end = await followJob(target, { cluster, subscription, unschedulableTimeoutMs, signal, log });
    } catch (error) {
      if (!signal.aborted) throw error;
      return this.stop(ref, handle, stoppedBy(signal.reason), context);
    }
    switch (end.kind) {
      case "succeeded":
        this.fates.decide(ref, handle, cleanup ? "clear" : "mark", context);
        return "completed";
      case "taken":
        log.warn("another worker has taken the task's Job over, and reports it", { job: handle.job });
        await passOnStop(handle, context, this.options.cluster);
        return "handed-off";
      case "stopping":
        log.info("another worker has begun to stop the task's Job", { job: handle.job, why: end.why });
        return this.stop(ref, handle, end.why, context);
      case "vanished":
        if (await ownership.mayHaveBeenTaken(handle, startedAt, signal)) return "handed-off";
        if (end.failure === null) return "completed";
        throw failure(end.failure);
      case "failed":
        await logFailure(cluster, end.pods, log);
        this.fates.decide(ref, handle, fateOf({ ...end, name, cleanup }, observatory.store), context);
        throw failure(end.failure);
      default:
        return end satisfies never;
    }
  }

  /** Rejects with why it was stopped, once its pods are gone; or it is another worker's, which stops it. */
  private async stop(
    ref: ExecutionRef,
    handle: JobHandle,
    why: StoppedBy,
    context: RunContext,
  ): Promise<"handed-off"> {
    const { cluster, observatory, cleanup } = this.options;
    const { hurry, log } = context;
    // A worker that is killed from here on knows why the Job is gone.
    context.saveHandle(writeHandle({ ...handle, stopping: why }));
    this.fates.decide(ref, handle, cleanup ? "delete" : "end", context);
    const { job: name, uid } = handle;
    if (uid !== null) {
      const target = { name, uid, instances: this.namesOn(handle), why };
      const end = await stopJob(target, { cluster, observatory, cleanup, log, hurry });
      if (end === "taken") {
        this.fates.undecide(ref);
        return "handed-off";
      }
    }
    throw new TaskStopped(why);
  }

  /** One that a policy guards keeps the name of before, until this worker is allowed to take it over. */
  private namesOn({ instance }: JobHandle): readonly (string | null)[] {
    return [instance, this.options.ownership.instance];
  }

  /** Stopped while it was being created: it may be there without our having been told. */
  private async stopUncertain(ref: ExecutionRef, handle: JobHandle, context: RunContext): Promise<void> {
    const found = await this.options.ownership.reclaim(handle, { ...context, signal: context.hurry });
    if (found !== null && found !== "taken") {
      await this.stop(ref, found, stoppedBy(context.signal.reason), context);
    }
  }

  /** Its result was reported by an earlier worker, which had no time left for it. */
  private retireReported(job: V1Job): void {
    const { name = "", uid = "" } = job.metadata ?? {};
    const succeeded = (job.status?.succeeded ?? 0) > 0;
    const kept = isFinished(job) ? "mark" : "end";
    void this.retirement.add({ name, uid, what: succeeded && this.options.cleanup ? "delete" : kept });
  }
}

function failure({ reason, message, exitCode }: Failed): TaskFailure {
  return new TaskFailure(reason, message, exitCode === undefined ? {} : { exitCode });
}

function refOf({ assignment: { taskId, executionId } }: TaskSpec): ExecutionRef {
  return { taskId, executionId };
}
