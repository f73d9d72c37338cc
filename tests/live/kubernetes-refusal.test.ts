/** What a worker cannot start with on a real cluster: a clear word, and nothing left behind. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, type SiteWorkerOptions, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";

interface Case {
  readonly worker: (site: ClusterSite) => SiteWorkerOptions | Promise<SiteWorkerOptions>;
  readonly status: 1 | 2;
  /** Each of them in one of the lines that it ends with. */
  readonly says: readonly RegExp[];
  /** What stands on the line of the config file that it names. */
  readonly at?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "a server that is not there": {
    worker: async (site) => ({
      kubernetes: { kubeconfig: await site.kubeconfigOf(null, "https://127.0.0.1:9") },
    }),
    status: 1,
    says: [/127\.0\.0\.1:9/],
  },
  "a token that has expired": {
    worker: async (site) => ({
      kubernetes: {
        kubeconfig: await site.writeKubeconfig(site.cluster.expiredToken("default", site.namespace)),
      },
    }),
    status: 1,
    says: [/401|unauthorized/i, /token|credential|log in/i],
  },
  "a kubeconfig that is not there": {
    worker: () => ({ kubernetes: { kubeconfig: "/no/such/kubeconfig" } }),
    status: 1,
    says: [/\/no\/such\/kubeconfig/],
  },
  "a namespace that is not there": {
    worker: () => ({ kubernetes: { namespace: "no-such-namespace" } }),
    status: 1,
    says: [/no-such-namespace/],
  },
  "a role that may do nothing": {
    worker: async (site) => ({ kubernetes: { kubeconfig: await site.kubeconfigOf("nobody") } }),
    status: 1,
    says: [/jobs/, /create/, /pods/, /watch/],
  },
  "a role that may not delete Jobs, nor read logs": {
    worker: async (site) => {
      await site.grant("clerk", { jobs: ["create", "get", "list", "watch", "patch"], "pods/log": [] });
      return { kubernetes: { kubeconfig: await site.kubeconfigOf("clerk") } };
    },
    status: 1,
    says: [/delete/, /jobs/, /pods\/log/],
  },
  "a pod template with a field that no PodSpec has": {
    worker: () => ({ pod: { containerz: [] } }),
    status: 1,
    says: [/pod_template/, /containerz/],
    at: "containerz",
  },
  "a pod template with a field of the wrong kind": {
    worker: () => ({ pod: { nodeSelector: ["a", "b"] } }),
    status: 1,
    says: [/pod_template/, /nodeSelector/],
    at: "nodeSelector",
  },
  "a pod template that asks for an amount that is none": {
    worker: () => ({ task: { resources: { limits: { memory: "much" } } } }),
    status: 2,
    says: [/pod_template\.containers\[0\]\.resources\.limits\.memory.*"much"/],
    at: "much",
  },
  "a preflight with an amount that is none": {
    worker: () => ({ kubernetes: { preflight_resources: { limits: { memory: "1 GB" } } } }),
    status: 2,
    says: [/preflight_resources.*1 GB/],
    at: "1 GB",
  },
  "a workspace with an amount that is none": {
    worker: () => ({ kubernetes: { workspace_size_limit: "ten" } }),
    status: 2,
    says: [/workspace_size_limit.*ten/],
  },
};

describe.skipIf(noCluster !== null)("a worker that a real cluster cannot serve, because of", () => {
  let site: ClusterSite;

  beforeAll(async () => {
    site = await ClusterSite.create();
  }, 120_000);

  afterAll(async () => {
    expect(await site?.leftovers()).toEqual([]);
    await site?.[Symbol.asyncDispose]();
  }, 60_000);

  test.each(Object.entries(CASES))(
    "%s, says so and leaves nothing behind",
    async (_name, { worker: options, status, says, at }) => {
      const seen = site.plane.handshakes.length;
      const own = await options(site);
      await using worker = await site.start({ ...own, ready: false });
      expect([await worker.finished(TASK_TIMEOUT_MS), worker.stderr]).toEqual([status, worker.stderr]);
      for (const what of says) expect(worker.stderr).toMatch(what);
      if (at !== undefined) {
        const line = Number(/worker\.yaml:(\d+):/.exec(worker.stderr)?.[1]);
        expect(site.config(own).split("\n")[line - 1]).toContain(at);
      }
      expect(worker.stderr).not.toMatch(/^\s+at |node_modules|\$bunfs/m);
      expect(site.plane.handshakes).toHaveLength(seen);
      expect(await site.leftovers()).toEqual([]);
    },
    TASK_TIMEOUT_MS + 10_000,
  );
});
