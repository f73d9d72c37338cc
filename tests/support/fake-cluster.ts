/** A fake API server with a Job controller and a kubelet that do what the test tells them. */

import { FakeApiServer, type FakeApiServerOptions } from "./fake-api-server.ts";
import { type ApiObject, inSeconds } from "./fake-api-store.ts";
import { TestPki } from "./test-pki.ts";

export class FakeCluster implements AsyncDisposable {
  readonly api: FakeApiServer;
  readonly pki: TestPki;

  private constructor(api: FakeApiServer, pki: TestPki) {
    this.api = api;
    this.pki = pki;
    // Each Job has its pod at once, as from a quick controller.
    api.store.watch(({ type, resource, object }) => {
      if (type === "ADDED" && resource === "jobs") this.addPod(object);
      if (type === "DELETED" && resource === "jobs") this.#collectPods(object);
    });
  }

  static async start(options: Omit<FakeApiServerOptions, "pki"> = {}): Promise<FakeCluster> {
    const pki = await TestPki.create();
    return new FakeCluster(await FakeApiServer.start({ ...options, pki }), pki);
  }

  /** Trusts the server, and shows a client certificate; `user` and `cluster` are added to. */
  async kubeconfig(user: object = {}, cluster: object = {}, name = "config"): Promise<string> {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const { ca, cert, key } = this.pki.client;
    const withCertificate = {
      "client-certificate-data": base64(cert),
      "client-key-data": base64(key),
    };
    return await this.pki.dir.write(
      name,
      JSON.stringify({
        "current-context": "test",
        contexts: [{ name: "test", context: { cluster: "fake", user: "me" } }],
        clusters: [
          {
            name: "fake",
            cluster: { server: this.api.url, "certificate-authority-data": base64(ca), ...cluster },
          },
        ],
        users: [{ name: "me", user: Object.keys(user).length > 0 ? user : withCertificate }],
      }),
    );
  }

  /** One way to the server and back, which no fake clock holds up. */
  async turn(): Promise<void> {
    const keepalive = !this.api.hasForgotten;
    const answer = await fetch(`${this.api.url}/turn`, { tls: { ca: this.pki.client.ca }, keepalive });
    await answer.text();
  }

  /** The Job of a task, once it is there. */
  jobOf(taskId: string): Promise<ApiObject> {
    return this.api.until(
      () => this.jobs().find(({ metadata }) => metadata.annotations?.["oz-agent-worker/task-id"] === taskId),
      `the Job of ${taskId}`,
    );
  }

  /** All but preflights. */
  jobs(): ApiObject[] {
    return this.api.store.list("jobs").filter(({ metadata }) => metadata.name.startsWith("oz-task-"));
  }

  complete(job: string): void {
    this.#endPod(job, "Succeeded", { exitCode: 0, reason: "Completed" });
    this.api.store.patch("jobs", job, {
      status: { succeeded: 1, conditions: [condition("Complete")] },
    });
  }

  fail(job: string, exitCode: number): void {
    this.#endPod(job, "Failed", { exitCode, reason: "Error" });
    this.api.store.patch("jobs", job, {
      status: { failed: 1, conditions: [condition("Failed", "BackoffLimitExceeded")] },
    });
  }

  podOf(job: string): ApiObject {
    const owned = ({ metadata }: ApiObject) => metadata.labels["batch.kubernetes.io/job-name"] === job;
    return this.api.store.list("pods").find(owned);
  }

  setPod(job: string, status: object): void {
    this.api.store.patch("pods", this.podOf(job).metadata.name, { status });
  }

  /** As the kubelet and the garbage collector do after a deletion in the foreground. */
  reap(job: string): void {
    const pod = this.podOf(job);
    if (pod) this.api.store.delete("pods", pod.metadata.name);
    this.api.store.delete("jobs", job);
  }

  addPod(job: ApiObject): void {
    const { name, uid } = job.metadata;
    const { metadata = {}, spec = {} } = job.spec?.template ?? {};
    this.api.store.create("pods", {
      kind: "Pod",
      metadata: {
        name: `${name}-pod`,
        labels: { ...metadata.labels, "batch.kubernetes.io/job-name": name },
        ownerReferences: [{ kind: "Job", name, uid, controller: true }],
        managedFields: [{ manager: "fake" }],
      },
      spec,
      status: { phase: "Running" },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    await this.pki[Symbol.asyncDispose]();
  }

  /** As the garbage collector does behind a deletion in the background. */
  #collectPods({ metadata: { uid } }: ApiObject): void {
    const owned = ({ metadata }: ApiObject) => metadata.ownerReferences?.[0]?.uid === uid;
    for (const pod of this.api.store.list("pods").filter(owned))
      this.api.store.delete("pods", pod.metadata.name);
  }

  #endPod(job: string, phase: string, ended: { exitCode: number; reason: string }): void {
    const finishedAt = inSeconds(new Date());
    const terminated = { ...ended, startedAt: finishedAt, finishedAt };
    this.setPod(job, { phase, containerStatuses: [{ name: "task", state: { terminated } }] });
  }
}

function condition(type: string, reason?: string) {
  return {
    type,
    status: "True",
    lastTransitionTime: inSeconds(new Date()),
    ...(reason ? { reason } : {}),
  };
}
