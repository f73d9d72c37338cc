/** The preflight against the fake API server. */
import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import { Credentials } from "../../src/backends/kubernetes/access/credentials.ts";
import { findAccess } from "../../src/backends/kubernetes/access/find-access.ts";
import { Transport } from "../../src/backends/kubernetes/client/transport.ts";
import { createTypedApi } from "../../src/backends/kubernetes/client/typed-api.ts";
import { Cluster } from "../../src/backends/kubernetes/cluster.ts";
import { runPreflight } from "../../src/backends/kubernetes/preflight/preflight.ts";
import type { KubernetesSettings } from "../../src/config/settings.ts";
import { BackendUnusable } from "../../src/task/backend.ts";
import { type ApiCall, FakeApiServer, type FakeApiServerOptions } from "../support/fake-api-server.ts";
import type { ApiObject } from "../support/fake-api-store.ts";
import { TestPki } from "../support/test-pki.ts";
import { kubernetesSettings, WORKER_ID } from "../unit/backends/kubernetes/sample-settings.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

export let pki: TestPki;
/** The present test's. */
export let log = recordLog();

/** Of the file that calls it. */
export function eachTestHasPreflight(): void {
  beforeAll(async () => {
    pki = await TestPki.create();
  });
  beforeEach(() => {
    log = recordLog();
  });
  afterAll(async () => {
    await pki[Symbol.asyncDispose]();
  });
}

export function startServer(options: Partial<FakeApiServerOptions> = {}): Promise<FakeApiServer> {
  return FakeApiServer.start({ pki, ...options });
}

export async function clusterAt(server: FakeApiServer): Promise<Cluster> {
  const kubeconfig = await pki.dir.write(
    "kubeconfig",
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      clusters: [
        { name: "test", cluster: { server: server.url, "certificate-authority-data": btoa(pki.client.ca) } },
      ],
      users: [{ name: "test", user: { token: "t" } }],
    }),
  );
  const access = findAccess({ kubeconfig, environment: {} });
  const transport = new Transport(new Credentials(access, {}));
  const { origin } = access;
  return new Cluster({
    api: createTypedApi(transport),
    namespace: "agents",
    server: transport.server,
    origin,
  });
}

export async function preflight(
  server: FakeApiServer,
  settings: Partial<KubernetesSettings> = {},
  signal = new AbortController().signal,
) {
  const context = { workerId: WORKER_ID, instanceId: "i", signal, log };
  return await runPreflight(await clusterAt(server), kubernetesSettings(settings), context);
}

/** What the cluster's controllers do for a new Job. */
export function onJob(server: FakeApiServer, react: (job: ApiObject) => void): void {
  server.store.watch(({ type, resource, object }) => {
    if (type === "ADDED" && resource === "jobs") react(object);
  });
}

export function createPod(
  server: FakeApiServer,
  job: ApiObject,
  status: ApiObject = { phase: "Pending" },
): void {
  const { labels } = job.spec.template.metadata;
  server.store.create("pods", { metadata: { name: `${job.metadata.name}-x`, labels }, status });
}

export function isDryRun(call: ApiCall): boolean {
  return call.verb === "create" && call.resource === "jobs" && call.query.get("dryRun") === "All";
}

export async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BackendUnusable);
  return error instanceof Error ? error.message : "";
}
