/**
 * The calls that this backend makes, each on one namespace, in the types of client-node. Whatever goes
 * wrong is a ClusterError (the server's words) or a ClusterGone; a signal that fires rejects with its reason.
 */
import type {
  CoreV1Event,
  V1Job,
  V1Lease,
  V1ObjectMeta,
  V1Pod,
  V1Secret,
  VersionInfo,
} from "@kubernetes/client-node";
import { ClusterGone, isPassing, isStatus, mayBeUnsettled } from "./client/cluster-error.ts";
import type { TypedApi } from "./client/typed-api.ts";

export interface DeleteOptions {
  /** `Background` unless told: the object goes at once, what it owns follows, with its own grace period. */
  readonly propagation?: "Background" | "Foreground";
  /** Only this very object, not a later one of its name. */
  readonly uid?: string;
}

export interface CreateOptions {
  /** Everything is checked, nothing is kept. */
  readonly dryRun?: boolean;
}

export interface LogOptions {
  readonly limitBytes: number;
  readonly tailLines: number;
}

/** What a role may or may not do in the namespace. */
export interface AccessQuestion {
  readonly verb: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

/** As JSON says it: a merge patch (RFC 7386), where null takes a field away. */
export type MergePatch = Readonly<Record<string, unknown>>;

export interface ClusterOptions {
  readonly api: TypedApi;
  readonly namespace: string;
  /** For the operator: the server's address. */
  readonly server: string;
  /** For the operator: where the access came from, as `kubeconfig "/path" (context "x")`. */
  readonly origin: string;
}

/** So long a server that was away may refuse what it will take when it knows everything again. */
const SETTLE_MS = 30_000;

export class Cluster {
  readonly namespace: string;
  readonly server: string;
  readonly origin: string;
  private readonly api: TypedApi;

  constructor({ api, namespace, server, origin }: ClusterOptions) {
    this.api = api;
    this.namespace = namespace;
    this.server = server;
    this.origin = origin;
  }

  /** Whether the same call may well succeed a little later. */
  mayPass(error: unknown): boolean {
    if (isPassing(error)) return true;
    return mayBeUnsettled(error) && performance.now() - this.api.lastAwayAt() < SETTLE_MS;
  }

  /** In ms since 1970, by the cluster's own clock, as its objects' times are. */
  now(): number {
    return this.api.now();
  }

  serverVersion(signal: AbortSignal): Promise<VersionInfo> {
    return this.api.version.getCode({}, this.api.options(signal));
  }

  /** Sent as it is and checked strictly: a field that the server does not know is an error that names it. */
  createJob(job: V1Job, signal: AbortSignal, { dryRun }: CreateOptions = {}): Promise<V1Job> {
    const request = { namespace: this.namespace, body: {}, fieldValidation: "Strict" };
    const options = this.api.options(signal, { body: job });
    if (dryRun) return this.api.batch.createNamespacedJob({ ...request, dryRun: "All" }, options);
    return whole(this.api.batch.createNamespacedJob(request, options));
  }

  /** Null: there is none. */
  getJob(name: string, signal: AbortSignal): Promise<V1Job | null> {
    const { namespace } = this;
    const call = this.api.batch.readNamespacedJob({ name, namespace }, this.api.options(signal));
    return nullWhenMissing(whole(call));
  }

  /**
   * With `metadata.resourceVersion` in it, only if nobody changed the Job since: else ClusterError 409.
   * Null: there is none.
   */
  patchJob(name: string, patch: MergePatch, signal: AbortSignal): Promise<V1Job | null> {
    const { namespace } = this;
    const options = this.api.options(signal, { mergePatch: patch });
    return nullWhenMissing(whole(this.api.batch.patchNamespacedJob({ name, namespace, body: {} }, options)));
  }

  /** False: there was none. */
  async deleteJob(name: string, signal: AbortSignal, options: DeleteOptions = {}): Promise<boolean> {
    const { propagation = "Background", uid } = options;
    const precondition = uid ? { preconditions: { uid } } : {};
    const body = { propagationPolicy: propagation, ...precondition };
    const { namespace } = this;
    const call = this.api.batch.deleteNamespacedJob({ name, namespace, body }, this.api.options(signal));
    return (await nullWhenMissing(call)) !== null;
  }

  async listPods(labelSelector: string, signal: AbortSignal): Promise<readonly V1Pod[]> {
    const { namespace } = this;
    const list = await this.api.core.listNamespacedPod(
      { namespace, labelSelector },
      this.api.options(signal),
    );
    return itemsOf(list);
  }

  /** Not more than `limitBytes` is read, for not every kubelet and proxy heeds that. */
  podLog(pod: string, container: string, signal: AbortSignal, options: LogOptions): Promise<string> {
    const { limitBytes, tailLines } = options;
    const query = new URLSearchParams({ container, limitBytes: `${limitBytes}`, tailLines: `${tailLines}` });
    const path = `/api/v1/namespaces/${this.namespace}/pods/${encodeURIComponent(pod)}/log?${query}`;
    return this.api.text(path, limitBytes, signal);
  }

  /** Of the object of that name, and of such that had it before: those of that uid may tell of no more than the name. */
  async listEvents(about: string, signal: AbortSignal): Promise<readonly CoreV1Event[]> {
    const { namespace } = this;
    const fieldSelector = `involvedObject.name=${about}`;
    const list = await this.api.core.listNamespacedEvent(
      { namespace, fieldSelector },
      this.api.options(signal),
    );
    return itemsOf(list);
  }

  createSecret(secret: V1Secret, signal: AbortSignal, { dryRun }: CreateOptions = {}): Promise<V1Secret> {
    const request = { namespace: this.namespace, body: {}, ...(dryRun ? { dryRun: "All" } : {}) };
    return this.api.core.createNamespacedSecret(request, this.api.options(signal, { body: secret }));
  }

  /** False: there was none. */
  async deleteSecret(name: string, signal: AbortSignal): Promise<boolean> {
    const { namespace } = this;
    const call = this.api.core.deleteNamespacedSecret({ name, namespace }, this.api.options(signal));
    return (await nullWhenMissing(call)) !== null;
  }

  createLease(lease: V1Lease, signal: AbortSignal): Promise<V1Lease> {
    const request = { namespace: this.namespace, body: {} };
    return this.api.coordination.createNamespacedLease(request, this.api.options(signal, { body: lease }));
  }

  /** As patchJob: conditional with a resourceVersion; null when there is none. */
  patchLease(name: string, patch: MergePatch, signal: AbortSignal): Promise<V1Lease | null> {
    const { namespace } = this;
    const options = this.api.options(signal, { mergePatch: patch });
    return nullWhenMissing(
      whole(this.api.coordination.patchNamespacedLease({ name, namespace, body: {} }, options)),
    );
  }

  async listLeases(labelSelector: string, signal: AbortSignal): Promise<readonly V1Lease[]> {
    const { namespace } = this;
    const list = await this.api.coordination.listNamespacedLease(
      { namespace, labelSelector },
      this.api.options(signal),
    );
    return itemsOf(list);
  }

  /** False: there was none. */
  async deleteLease(name: string, signal: AbortSignal): Promise<boolean> {
    const { namespace } = this;
    const call = this.api.coordination.deleteNamespacedLease({ name, namespace }, this.api.options(signal));
    return (await nullWhenMissing(call)) !== null;
  }

  /** Asks the server itself, as every authenticated user may unless somebody forbade it. Null: it does not tell. */
  async can(question: AccessQuestion, signal: AbortSignal): Promise<boolean | null> {
    const { verb, group, resource, subresource } = question;
    const { namespace } = this;
    const resourceAttributes = { namespace, verb, group, resource, ...(subresource ? { subresource } : {}) };
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview" };
    const review = await this.api.authorization.createSelfSubjectAccessReview(
      { body: { spec: {} } },
      this.api.options(signal, { body: { ...body, spec: { resourceAttributes } } }),
    );
    return review.status?.allowed ?? null;
  }
}

async function nullWhenMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    // Of the API itself, not of a proxy that has lost its way to it.
    if (isStatus(error, 404) && error.reason === "NotFound") return null;
    throw error;
  }
}

/** JSON of somebody in between says nothing of an object: a Job that runs was called deleted for it. */
async function whole<T extends { readonly metadata?: V1ObjectMeta }>(call: Promise<T>): Promise<T> {
  const object = await call;
  if (object.metadata?.name === undefined) throw notTheApi();
  // Where a server gives none, things are told apart by their names alone: no uid is the same one everywhere.
  object.metadata.uid ??= "";
  return object;
}

/** Null of none, as some servers write an empty list. */
function itemsOf<T>({ items }: { readonly items?: readonly T[] | null }): readonly T[] {
  if (items === undefined) throw notTheApi();
  return items ?? [];
}

function notTheApi(): ClusterGone {
  return new ClusterGone("what came is JSON, but not the answer of an API server (is a proxy in between?)");
}
