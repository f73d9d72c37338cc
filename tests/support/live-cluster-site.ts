/** A control plane, a namespace of a real cluster and a fake agent in it, ready for workers. */
import { symlink } from "node:fs/promises";
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import type { Frame } from "../../src/dev/frame-log.ts";
import type { DevTask } from "../../src/dev/tasks.ts";
import { type AssignmentFields, assignment } from "./assignments.ts";
import { taskIdOf } from "./direct-site.ts";
import { type AgentRun, FakeAgent } from "./fake-agent.ts";
import { LiveCluster, run } from "./live-cluster.ts";
import { TempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";
import { READY, TEST_API_KEY, type WorkerOptions, WorkerProcess } from "./worker-process.ts";

export const AGENT_IMAGE = "oz-test/agent:1";
/** Its agent takes all the memory that it can get. */
export const HOG_IMAGE = "oz-test/hog:1";
/** A sidecar with the agent in it, at /entrypoint.sh. */
export const SIDECAR_IMAGE = "oz-test/sidecar:1";

/** A pod has to be scheduled, made and seen; on a busy machine each takes its time. */
export const TASK_TIMEOUT_MS = 60_000;

/** What the chart's Role grants. */
const WORKER_RULES = [
  { group: "batch", resource: "jobs", verbs: ["create", "get", "list", "watch", "patch", "delete"] },
  { group: "", resource: "pods", verbs: ["get", "list", "watch"] },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "events", verbs: ["list"] },
  {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: ["create", "list", "patch", "delete"],
  },
  { group: "", resource: "secrets", verbs: ["create", "delete"] },
] as const;

export interface SiteWorkerOptions extends Omit<WorkerOptions, "config" | "stateDir"> {
  readonly workerId?: string;
  /** Keys of the file beside `worker_id` and `backend`. */
  readonly top?: Readonly<Record<string, unknown>>;
  /** Keys of `backend.kubernetes`; they win. */
  readonly kubernetes?: Readonly<Record<string, unknown>>;
  /** Keys of the pod template's container `task` and of the template itself, over what the fake agent needs. */
  readonly task?: Readonly<Record<string, unknown>>;
  readonly pod?: Readonly<Record<string, unknown>>;
  /** Below the site's folder; `state` unless told. One that is started again finds what the last one left. */
  readonly state?: string;
  /** False: does not wait until it is ready. */
  readonly ready?: boolean;
}

export class ClusterSite implements AsyncDisposable {
  readonly cluster: LiveCluster;
  readonly plane: ControlPlane;
  readonly agent: FakeAgent;
  readonly dir: TempDir;
  readonly namespace: string;

  private constructor(
    cluster: LiveCluster,
    plane: ControlPlane,
    agent: FakeAgent,
    dir: TempDir,
    namespace: string,
  ) {
    this.cluster = cluster;
    this.plane = plane;
    this.agent = agent;
    this.dir = dir;
    this.namespace = namespace;
  }

  static async create(): Promise<ClusterSite> {
    const cluster = await LiveCluster.shared();
    await loadImages(cluster);
    const dir = await TempDir.create("site");
    const namespace = `live-${crypto.randomUUID().slice(0, 8)}`;
    await cluster.kubectl("create", "namespace", namespace);
    // Made by a controller, a moment later; pods are refused before.
    const account = () => cluster.tryKubectl("-n", namespace, "get", "serviceaccount", "default");
    await eventually(async () => (await account()).status === 0, "the namespace's service account");
    const plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    return new ClusterSite(cluster, plane, await FakeAgent.create(dir), dir, namespace);
  }

  config(options: SiteWorkerOptions = {}): string {
    const kubernetes = {
      kubeconfig: this.cluster.kubeconfig,
      namespace: this.namespace,
      default_image: AGENT_IMAGE,
      pod_template: this.podTemplate(options),
      ...options.kubernetes,
    };
    const config = { worker_id: options.workerId ?? "bar", ...options.top, backend: { kubernetes } };
    // YAML, too, and each key has a line of its own.
    return JSON.stringify(config, null, 2);
  }

  /** The agent notes what it does in this site's folder, at the same path inside of the pod. */
  podTemplate({ task, pod }: SiteWorkerOptions = {}): Record<string, unknown> {
    const { volumes = [], containers = [], ...rest } = (pod ?? {}) as Record<string, unknown[]>;
    return {
      terminationGracePeriodSeconds: 5,
      volumes: [{ name: "site", hostPath: { path: this.dir.path } }, ...volumes],
      containers: [
        {
          name: "task",
          env: [{ name: "FAKE_AGENT", value: this.agent.path }],
          volumeMounts: [{ name: "site", mountPath: this.dir.path }],
          ...task,
        },
        ...containers,
      ],
      ...rest,
    };
  }

  async start(options: SiteWorkerOptions = {}): Promise<WorkerProcess> {
    const { ready = true, state = "state", ...rest } = options;
    const all = {
      plane: this.plane,
      ...rest,
      stateDir: this.dir.join(state),
      config: this.config(options),
    };
    return await WorkerProcess.startUntil(all, ready ? [READY] : [], TASK_TIMEOUT_MS);
  }

  async run(task: Assignment, plane = this.plane): Promise<DevTask> {
    plane.submit(task);
    return await plane.waitForTask(task.task_id, [], { timeoutMs: TASK_TIMEOUT_MS });
  }

  ended(run: AgentRun): Promise<DevTask> {
    return this.plane.waitForTask(taskIdOf(run), [], { timeoutMs: TASK_TIMEOUT_MS });
  }

  /** Submits tasks whose agents wait to be released, and waits until each agent runs. */
  async hold(count: number, fields: AssignmentFields = {}): Promise<AgentRun[]> {
    const env = { AGENT_HOLD: "1", ...fields.env };
    const tasks = Array.from({ length: count }, () => assignment({ ...fields, env }));
    for (const task of tasks) this.plane.submit(task);
    return await Promise.all(tasks.map(({ task_id }) => this.started(task_id)));
  }

  started(taskId: string): Promise<AgentRun> {
    return this.agent.waitForStart(taskId, 1, { timeoutMs: TASK_TIMEOUT_MS, intervalMs: 100 });
  }

  terminals(taskId: string): readonly Frame[] {
    return this.plane.terminalsOf(taskId);
  }

  /** The Jobs of this namespace, or those of one task. */
  // biome-ignore lint/suspicious/noExplicitAny: objects of the cluster
  async jobs(): Promise<any[]> {
    return (await this.cluster.get("-n", this.namespace, "jobs")).items;
  }

  // biome-ignore lint/suspicious/noExplicitAny: objects of the cluster
  async pods(): Promise<any[]> {
    return (await this.cluster.get("-n", this.namespace, "pods")).items;
  }

  /** Names of all that workers make, as `kind/name`, so that a test sees what was left behind. */
  async leftovers(): Promise<string[]> {
    const kinds = "jobs,pods,secrets,leases,configmaps";
    const names = await this.cluster.kubectl("-n", this.namespace, "get", kinds, "-o", "name");
    return names.split("\n").filter((name) => name !== "" && !/kube-root-ca\.crt$/.test(name));
  }

  /** A service account of this namespace that may do what a worker has to, except as told by resource. */
  async grant(name: string, verbs: Readonly<Record<string, readonly string[]>> = {}): Promise<void> {
    const rules = WORKER_RULES.map(({ group, resource, verbs: usual }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: verbs[resource] ?? usual,
    }));
    const metadata = { name, namespace: this.namespace };
    const rbac = "rbac.authorization.k8s.io";
    await this.cluster.apply({
      apiVersion: "v1",
      kind: "List",
      items: [
        { apiVersion: "v1", kind: "ServiceAccount", metadata },
        {
          apiVersion: `${rbac}/v1`,
          kind: "Role",
          metadata,
          rules: rules.filter((rule) => rule.verbs.length > 0),
        },
        {
          apiVersion: `${rbac}/v1`,
          kind: "RoleBinding",
          metadata,
          roleRef: { apiGroup: rbac, kind: "Role", name },
          subjects: [{ kind: "ServiceAccount", ...metadata }],
        },
      ],
    });
  }

  /**
   * Of a service account, which is made when it is not there; null: of nobody. `server`: another way to the API server,
   * whose certificate is for `tlsServerName`. @returns the path
   */
  async kubeconfigOf(account: string | null, server?: string, tlsServerName?: string): Promise<string> {
    if (account === null) return await this.writeKubeconfig("none", server);
    const own = ["-n", this.namespace];
    await this.cluster.tryKubectl(...own, "create", "serviceaccount", account);
    const token = (await this.cluster.kubectl(...own, "create", "token", account)).trim();
    return await this.writeKubeconfig(token, server, tlsServerName);
  }

  async writeKubeconfig(
    token: string,
    server = this.cluster.server,
    tlsServerName?: string,
  ): Promise<string> {
    const cluster = {
      server,
      "certificate-authority": this.cluster.certificateAuthority,
      "tls-server-name": tlsServerName,
    };
    const text = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "live",
      contexts: [{ name: "live", context: { cluster: "live", user: "live" } }],
      clusters: [{ name: "live", cluster }],
      users: [{ name: "live", user: { token } }],
    });
    return await this.dir.write(`kubeconfig-${crypto.randomUUID()}`, text, 0o600);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.plane.stop();
    // Pods first, without their grace: the folder that they have mounted goes next.
    const all = ["jobs,pods", "--all", "--force", "--grace-period=0", "--wait=true", "--timeout=20s"];
    await this.cluster.tryKubectl("-n", this.namespace, "delete", ...all);
    await this.cluster.tryKubectl("delete", "namespace", this.namespace, "--wait=false");
    await this.agent[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

const loaded = new WeakMap<LiveCluster, Promise<void>>();

function loadImages(cluster: LiveCluster): Promise<void> {
  let loading = loaded.get(cluster);
  if (!loading) {
    loading = makeImages(cluster);
    loaded.set(cluster, loading);
  }
  return loading;
}

async function makeImages(cluster: LiveCluster): Promise<void> {
  await using dir = await TempDir.create("images");
  const handOver = '#!/bin/sh\nexec "$FAKE_AGENT" "$@"\n';
  await loadShellImage(cluster, dir, AGENT_IMAGE, { "agent/entrypoint.sh": handOver });
  await loadShellImage(cluster, dir, HOG_IMAGE, {
    "agent/entrypoint.sh": "#!/bin/sh\nexec tail /dev/zero\n",
  });
  await loadShellImage(cluster, dir, SIDECAR_IMAGE, { "entrypoint.sh": handOver, "lib/tool": "#!/bin/sh\n" });
}

/** Busybox and a few files; what it takes for a shell. */
async function loadShellImage(
  cluster: LiveCluster,
  dir: TempDir,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  const root = name.replace(/\W/g, "-");
  await dir.write(`${root}/bin/busybox`, await Bun.file("/bin/busybox").bytes(), 0o755);
  const applets = (await run(["/bin/busybox", "--list"])).stdout.split("\n");
  for (const applet of applets.filter((applet) => applet !== "" && applet !== "busybox")) {
    await symlink("busybox", dir.join(root, "bin", applet));
  }
  for (const [path, text] of Object.entries(files)) await dir.write(`${root}/${path}`, text, 0o755);
  await dir.write(`${root}/etc/passwd`, "root:x:0:0:root:/:/bin/sh\n");
  await dir.mkdir(`${root}/tmp`);
  await cluster.loadImage(`docker.io/${name}`, dir.join(root));
}
