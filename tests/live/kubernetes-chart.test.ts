/** The Helm chart: what it makes of values, what it refuses, and a worker that runs in a cluster by it. */
import { describe, expect, test } from "bun:test";
import { checkYaml } from "../../src/config/yaml-config.ts";
import { LINK_PATH } from "../../src/dev/handshake.ts";
import { assignment } from "../support/assignments.ts";
import { noCluster } from "../support/live-cluster.ts";
import {
  CHART,
  findKind,
  helm,
  loadWorkerImage,
  type Manifest,
  Relay,
  render,
  type Values,
  WORKER_IMAGE,
} from "../support/live-cluster-chart.ts";
import { AGENT_IMAGE, ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY } from "../support/worker-process.ts";

const CONNECTED = /^oz_worker_connected(?:\{[^}]*\})? 1$/m;

const LEAST: Values = { worker: { workerId: "bar" }, warp: { apiKeySecret: { name: "key" } } };

/** Every value differs from its default. */
const MOST: Values = {
  fullnameOverride: "prod-worker",
  replicaCount: 3,
  image: { repository: "example/worker", tag: "7", pullPolicy: "Always" },
  imagePullSecrets: [{ name: "pull" }],
  serviceAccount: { name: "runner", annotations: { a: "b" } },
  warp: {
    apiKeySecret: { create: true, name: "made", key: "token", value: "k:ey" },
    webSocketURL: "wss://example.test/ws",
    serverRootURL: "https://example.test",
  },
  worker: {
    workerId: "prod-1",
    logLevel: "debug",
    cleanup: false,
    maxConcurrentTasks: 20,
    idleOnComplete: "10m",
    extraArgs: ["--env=A=b"],
    extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy.test:3128" }],
    deploymentAnnotations: { d: "1" },
    podAnnotations: { p: "1" },
    podLabels: { team: "x" },
    terminationGracePeriodSeconds: 60,
    livenessProbe: { exec: { command: ["/oz-agent-worker", "version"] } },
    nodeSelector: { disk: "ssd" },
    tolerations: [{ key: "agents", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    priorityClassName: "system-cluster-critical",
    extraVolumes: [{ name: "ca", configMap: { name: "ca" } }],
    extraVolumeMounts: [{ name: "ca", mountPath: "/etc/ca" }],
    extraConfig: { log_format: "json" },
  },
  health: { enabled: false },
  kubernetesBackend: {
    namespace: "agents",
    defaultImage: "example/agent:1",
    imagePullPolicy: "Always",
    useImageVolumes: true,
    preflightImage: "busybox:1.37",
    preflightResources: { requests: { cpu: "20m" }, limits: { memory: "32Mi" } },
    sidecarImage: "example/sidecar:1",
    codingCliSidecars: { claude: "example/claude:1" },
    setupCommand: "echo a\necho 'b: c'",
    teardownCommand: "echo gone",
    extraLabels: { cost: "agents" },
    extraAnnotations: { "example.test/x": "true" },
    activeDeadlineSeconds: 600,
    ttlSecondsAfterFinished: 0,
    workspaceSizeLimit: "10Gi",
    unschedulableTimeout: "1m30s",
    taskEnvSecret: "never",
    podTemplate: { containers: [{ name: "task", resources: { requests: { cpu: "2" } } }] },
  },
  metrics: {
    enabled: true,
    port: 9999,
    extraEnv: [{ name: "OTEL_SERVICE_NAME", value: "w" }],
    service: { enabled: true },
    podMonitor: { enabled: true },
  },
};

const REFUSED: Readonly<Record<string, readonly [Values, RegExp]>> = {
  "no worker id": [{ warp: LEAST["warp"] }, /worker\.workerId is required/],
  "no name of the Secret": [{ worker: { workerId: "bar" } }, /warp\.apiKeySecret\.name is required/],
  "a reserved worker id": [{ ...LEAST, worker: { workerId: "warp-1" } }, /workerId/],
  "a Secret to be made of nothing": [
    { ...LEAST, warp: { apiKeySecret: { create: true } } },
    /warp\.apiKeySecret\.value is required/,
  ],
  "a value that there is not": [{ ...LEAST, kubernetesBackend: { namespaze: "x" } }, /namespaze/],
  "a level that there is not": [{ ...LEAST, worker: { workerId: "bar", logLevel: "loud" } }, /logLevel/],
  "a duration that is none": [
    { ...LEAST, kubernetesBackend: { unschedulableTimeout: "soon" } },
    /unschedulableTimeout/,
  ],
};

describe.skipIf(noCluster !== null)("the Helm chart", () => {
  test(
    "passes helm's own checks, strictly",
    async () => {
      const least = ["worker.workerId=bar", "warp.apiKeySecret.name=key"].flatMap((value) => [
        "--set",
        value,
      ]);
      const { status, stdout } = await helm("lint", "--strict", CHART, ...least);
      expect([status, stdout]).toEqual([0, expect.stringContaining("0 chart(s) failed")]);
    },
    15 * TASK_TIMEOUT_MS,
  );

  test.each(Object.entries(REFUSED))("refuses %s", async (_name, [values, says]) => {
    await expect(render(values)).rejects.toThrow(says);
  });

  test("runs the worker without root, without capabilities and on a read-only root file system", async () => {
    const { spec } = findKind(await render(LEAST), "Deployment").spec.template;
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(JSON.stringify(spec)).not.toContain("WARP_API_KEY:");
  });

  test.each([
    ["the least values", LEAST],
    ["all values", MOST],
  ])("writes a configuration file that the worker reads, from %s", async (_name, values) => {
    const { data } = findKind(await render(values), "ConfigMap");
    const { problems } = checkYaml(data["worker.yaml"], "worker.yaml");
    expect(problems).toEqual([]);
  });

  test("hands every value of the backend on under its name in the file", async () => {
    const { data } = findKind(await render(MOST), "ConfigMap");
    const { config } = checkYaml(data["worker.yaml"], "worker.yaml");
    expect(config).toMatchObject({
      worker_id: "prod-1",
      cleanup: false,
      max_concurrent_tasks: 20,
      idle_on_complete: "10m",
      log_level: "debug",
      log_format: "json",
    });
    const given = MOST["kubernetesBackend"] as Values;
    const renamed = Object.entries(given).map(([name, value]) => [snakeCase(name), value]);
    expect(config.backend?.kubernetes as unknown).toEqual(Object.fromEntries(renamed));
  });

  test("grants Secrets only where they are used, in the namespace of the Jobs", async () => {
    const resources = (values: Values) =>
      render(values).then((all) => findKind(all, "Role").rules.flatMap((rule: Values) => rule["resources"]));
    expect(await resources(LEAST)).toContain("secrets");
    expect(await resources(MOST)).not.toContain("secrets");
    const most = await render(MOST);
    expect(findKind(most, "Role").metadata.namespace).toBe("agents");
    expect(findKind(most, "RoleBinding").subjects[0]).toMatchObject({ name: "runner", namespace: "default" });
    expect(findKind(most, "PodMonitor").spec.podMetricsEndpoints[0].port).toBe("metrics");
  });

  test("makes only objects that a cluster accepts, also one that lets no pod have more than it needs", async () => {
    await using site = await ClusterSite.create();
    const policy = "pod-security.kubernetes.io/warn=restricted";
    await site.cluster.kubectl("label", "namespace", site.namespace, policy);
    for (const values of [LEAST, MOST]) {
      const own = {
        ...values,
        kubernetesBackend: { ...(values["kubernetesBackend"] as Values), namespace: "" },
      };
      const manifests = await render(own, "--namespace", site.namespace);
      // The definition of that one comes with an operator that is not here.
      const items = manifests.filter(({ kind }) => kind !== "PodMonitor");
      const list = { apiVersion: "v1", kind: "List", items };
      const { stderr } = await site.cluster.apply(list, "--dry-run=server", "--validate=strict");
      expect(stderr).toBe("");
    }
  }, 60_000);

  test("runs workers in the cluster with the rights that it grants, which run tasks", async () => {
    await using site = await ClusterSite.create();
    await loadWorkerImage(site.cluster);
    await using relay = await Relay.open(site.cluster.gateway, site.plane.port);
    const own = ["--kubeconfig", site.cluster.kubeconfig, "--namespace", site.namespace];
    const values = await site.dir.write("values.json", JSON.stringify(inCluster(site, relay.port)));
    const release = ["live", CHART, "--values", values, "--wait", "--timeout=60s"];
    const installed = await helm("install", ...release, ...own);
    const log = await site.cluster.tryKubectl(
      "-n",
      site.namespace,
      "logs",
      "deployment/live-oz-agent-worker",
    );
    expect([installed.status, installed.stderr, log.stdout]).toEqual([0, "", log.stdout]);
    await site.plane.waitForOpenLinks(2, { timeoutMs: TASK_TIMEOUT_MS });
    const tasks = ["0", "0", "3"].map((code) => assignment({ env: { AGENT_EXIT: code } }));
    const ended = await Promise.all(tasks.map((task) => site.run(task)));
    expect(ended.map(({ state, exitCode }) => [state, exitCode])).toEqual([
      ["completed", null],
      ["completed", null],
      ["failed", 3],
    ]);
    const words = await site.cluster.kubectl(
      ...["-n", site.namespace, "logs", "-l", "app.kubernetes.io/instance=live", "--prefix", "--tail=-1"],
    );
    expect(words.match(/worker ready/g)).toHaveLength(2);
    expect(words).not.toMatch(/does not allow|forbidden/i);
    expect(await metricsOf(site)).toEqual([
      expect.stringMatching(CONNECTED),
      expect.stringMatching(CONNECTED),
    ]);
    // First the workers, then their rights: a worker that is asked to stop gives its Lease up.
    await site.cluster.kubectl(
      "-n",
      site.namespace,
      "scale",
      "--replicas=0",
      "deployment/live-oz-agent-worker",
    );
    const leases = async () => (await site.leftovers()).filter((name) => name.startsWith("lease"));
    await eventually(async () => (await leases()).length === 0, "the Leases to go", {
      timeoutMs: TASK_TIMEOUT_MS,
    });
    expect((await helm("uninstall", "live", "--wait", ...own)).status).toBe(0);
    expect((await site.jobs()).map(({ status }) => status.failed)).toEqual([1]);
  }, 240_000);
});

function inCluster(site: ClusterSite, port: number): Values {
  const { hostname, port: apiPort } = new URL(site.cluster.server.replace("127.0.0.1", site.cluster.gateway));
  return {
    replicaCount: 2,
    image: { repository: WORKER_IMAGE, tag: "1", pullPolicy: "Never" },
    warp: {
      apiKeySecret: { create: true, value: TEST_API_KEY },
      webSocketURL: `ws://${site.cluster.gateway}:${port}${LINK_PATH}`,
    },
    worker: {
      workerId: "in-cluster",
      // This cluster has no addresses of services.
      extraEnv: [
        { name: "KUBERNETES_SERVICE_HOST", value: hostname },
        { name: "KUBERNETES_SERVICE_PORT", value: apiPort },
      ],
    },
    metrics: { enabled: true },
    kubernetesBackend: { defaultImage: AGENT_IMAGE, podTemplate: site.podTemplate() },
  };
}

/** Of each worker's pod, as a Prometheus would fetch them. */
async function metricsOf(site: ClusterSite): Promise<string[]> {
  const selector = ["-l", "app.kubernetes.io/name=oz-agent-worker"];
  const { items } = await site.cluster.get("-n", site.namespace, "pods", ...selector);
  const addresses: string[] = items.map((pod: Manifest) => pod.status.podIP);
  return await Promise.all(
    addresses.map(async (address) => await (await fetch(`http://${address}:9464/metrics`)).text()),
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
