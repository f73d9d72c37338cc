/**
 * Brings a task into the cluster, step by step: its Job, then the Secret that the Job owns. Of each step the handle knows
 * before it is taken, so that a restart finds whatever is there.
 */
import type { V1Job } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { ExecutionRef } from "../../../journal/execution.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { type RunContext, TaskStopped } from "../../../task/backend.ts";
import type { TaskSpec } from "../../../task/prepare.ts";
import type { Cluster } from "../cluster.ts";
import { envSecretNameOf } from "../job/env-secret.ts";
import { buildJob } from "../job/job.ts";
import { jobNameOf } from "../job/name.ts";
import { goneUnfinished } from "../ownership/departure.ts";
import { isEnded, mark, stoppingOf } from "../ownership/marks.ts";
import type { Observatory } from "../watch/observatory.ts";
import { slimJob } from "../watch/slim.ts";
import { type CreatedJob, createJob, mayBeThere } from "./create-job.ts";
import { createEnvSecret } from "./create-secret.ts";
import type { CreateContext } from "./creation.ts";
import type { Fates } from "./fates.ts";
import { type JobHandle, writeHandle } from "./handle.ts";
import { deleted } from "./lost-job.ts";
import type { Retirement } from "./retirement.ts";

export interface LauncherOptions {
  readonly settings: KubernetesSettings;
  readonly workerId: string;
  readonly instanceId: string;
  readonly cluster: Cluster;
  readonly observatory: Observatory;
  /** Null: this worker cannot prove that it lives, so its Jobs carry no instance. */
  readonly ownership: { readonly instance: string | null };
  /** Whether the tasks' environment goes into Secrets. */
  readonly envSecrets: boolean;
  readonly retirement: Retirement;
  readonly fates: Fates;
}

export interface LaunchPlan {
  readonly task: TaskSpec;
  readonly ref: ExecutionRef;
  readonly job: V1Job;
  /** Of the Job before it is there. */
  readonly handle: JobHandle;
}

export class Launcher {
  private readonly options: LauncherOptions;

  constructor(options: LauncherOptions) {
    this.options = options;
  }

  /** Nothing is done yet. Throws TaskFailure `sidecar_prep`. */
  plan(task: TaskSpec, ref: ExecutionRef): LaunchPlan {
    const { settings, workerId, instanceId, cluster, ownership, envSecrets } = this.options;
    const name = jobNameOf(ref.taskId, ref.executionId);
    const withSecret = envSecrets && Object.keys(task.environment).length > 0;
    const envSecretName = withSecret ? envSecretNameOf(name) : null;
    const job = buildJob({ task, settings, workerId, instanceId, envSecretName });
    const handle: JobHandle = {
      namespace: cluster.namespace,
      job: name,
      uid: null,
      ready: !withSecret,
      instance: ownership.instance ?? instanceId,
      formerInstance: null,
      stopping: null,
    };
    return { task, ref, job: mark(job, ref, ownership.instance), handle };
  }

  /** Resolves when the task can run. Throws TaskFailure `job_create`, or the signal's reason: then its Job may be there. */
  async launch(plan: LaunchPlan, context: RunContext): Promise<JobHandle> {
    const { retirement, observatory } = this.options;
    const { job: name } = plan.handle;
    context.saveHandle(writeHandle(plan.handle));
    retirement.spare(name);
    const created = await this.createJob(plan, context);
    if (created.isGone) await this.tellGone(created.job, context.signal);
    const uid = created.job.metadata?.uid ?? "";
    if (!plan.handle.ready) await this.createSecret(plan, created, { ...plan.handle, uid }, context);
    const ready = { ...plan.handle, uid, ready: true };
    context.saveHandle(writeHandle(ready));
    const { store } = observatory;
    if (isEnded(created.job)) store.show(slimJob(created.job));
    else store.jobs.put(slimJob(created.job));
    context.log.info("Job created", { job: name });
    return ready;
  }

  private async createJob({ job, ref, handle }: LaunchPlan, context: RunContext): Promise<CreatedJob> {
    try {
      return await createJob(job, ref, this.createContext(context));
    } catch (error) {
      if (mayBeThere(error)) this.options.fates.decide(ref, handle, "recall", context);
      throw error;
    }
  }

  /** Throws how the task of this Job has ended, where nobody else tells of that. */
  private async tellGone(job: V1Job, signal: AbortSignal): Promise<void> {
    const { observatory, cluster } = this.options;
    const { name = "" } = job.metadata ?? {};
    using following = observatory.follow(name);
    const last = await goneUnfinished(job, following.subscription, { sinceMs: performance.now(), signal });
    if (last === null) return;
    const stopping = stoppingOf(last);
    throw stopping === null ? deleted(name, cluster.namespace) : new TaskStopped(stopping);
  }

  private async createSecret(
    { task, ref }: LaunchPlan,
    created: CreatedJob,
    made: JobHandle,
    context: RunContext,
  ): Promise<void> {
    const { fates } = this.options;
    const create = () => createEnvSecret(task, created, this.createContext(context));
    if (created.isAnothers) {
      // Its agent may be at work already; if not, its pod will say what it misses.
      context.saveHandle(writeHandle({ ...made, ready: true }));
      await create().catch((error: unknown) => {
        context.signal.throwIfAborted();
        context.log.debug("cannot create the Secret of another worker's Job", { why: wordsOf(error) });
      });
      return;
    }
    context.saveHandle(writeHandle(made));
    // Without it the Job could not run: it goes too, should that fail.
    fates.decide(ref, made, "delete", context);
    await create();
    fates.undecide(ref);
  }

  private createContext({ log, signal }: RunContext): CreateContext {
    const { cluster, ownership, retirement, fates } = this.options;
    const isReported = (uid: string) => retirement.isLeaving(uid) || fates.isUnproven(uid);
    return { cluster, instance: ownership.instance, isReported, log, signal };
  }
}
