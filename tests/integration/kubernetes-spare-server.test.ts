/** An API server that leaves out of its answers what others never do. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";
import { Credentials } from "../../src/backends/kubernetes/access/credentials.ts";
import { findAccess } from "../../src/backends/kubernetes/access/find-access.ts";
import { Transport } from "../../src/backends/kubernetes/client/transport.ts";
import { createTypedApi } from "../../src/backends/kubernetes/client/typed-api.ts";
import { Cluster } from "../../src/backends/kubernetes/cluster.ts";
import { followJob } from "../../src/backends/kubernetes/run/follow-job.ts";
import { Observatory } from "../../src/backends/kubernetes/watch/observatory.ts";
import { TempDir } from "../support/temp-dir.ts";
import { within } from "../support/wait.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

// Each Job was called deleted by somebody as soon as it was made, and no worker started.
test("one that gives no uid, nor says that it speaks JSON, has its Jobs followed to their end, and deleted", async () => {
  const made = { metadata: { name: "a" }, status: { conditions: [{ type: "Complete", status: "True" }] } };
  const asked: string[] = [];
  await using server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const path = new URL(request.url ?? "", "http://server");
    if (path.searchParams.has("watch")) return void response.flushHeaders();
    if (request.method === "DELETE") asked.push(body);
    const lists: Readonly<Record<string, object>> = { jobs: { items: [made] }, pods: { items: [] } };
    response.end(JSON.stringify((request.method === "GET" && lists[basename(path.pathname)]) || made));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await using dir = await TempDir.create("spare-server");
  const clusters = [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }];
  const contexts = [{ name: "c", context: { cluster: "c", user: "u" } }];
  const users = [{ name: "u", user: { token: "t" } }];
  const config = { apiVersion: "v1", kind: "Config", "current-context": "c", clusters, contexts, users };
  const access = findAccess({
    kubeconfig: await dir.write("config", JSON.stringify(config)),
    environment: {},
  });
  const transport = new Transport(new Credentials(access, {}));
  const about = { namespace: "agents", server: transport.server, origin: access.origin };
  const cluster = new Cluster({ api: createTypedApi(transport), ...about });
  const { signal } = new AbortController();
  const log = recordLog();

  const { metadata } = await cluster.createJob(made, signal);
  const uid = metadata?.uid ?? "none";
  await using observatory = new Observatory({
    transport,
    namespace: "agents",
    jobSelector: "oz",
    podSelector: "oz",
    log,
  });
  using following = observatory.follow("a");
  const target = { name: "a", uid, instances: [null], readySinceMs: 0 };
  const { subscription } = following;
  const followed = followJob(target, { cluster, subscription, unschedulableTimeoutMs: null, signal, log });
  expect(await within(followed, "the Job to end")).toEqual({ kind: "succeeded" });
  expect(await cluster.deleteJob("a", signal, { uid })).toBe(true);
  expect(asked.map((body) => JSON.parse(body))).toEqual([{ propagationPolicy: "Background" }]);
  server.closeAllConnections();
});
