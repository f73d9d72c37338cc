/**
 * Figures of the Kubernetes backend against a fake API server: a real one's own work would drown what
 * the worker adds. The controller there makes each Job's pod at once, and the bench ends it.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeCluster } from "../../tests/support/fake-cluster.ts";
import type { Figure, Scale } from "./figures.ts";
import { BenchPlane } from "./plane.ts";

export async function kubernetesFigures(
  executable: string,
  scale: Pick<Scale, "tasks" | "held">,
): Promise<Figure[]> {
  await using site = await KubernetesSite.start(executable);
  const quiet = await site.quietTasks(scale.tasks);
  const held = await site.heldJobs(scale.held);
  return [
    figure("Kubernetes: assignment to Job", "ms", quiet.toJobMs, "at most 30 ms"),
    figure("Kubernetes: requests for a task", "", quiet.requests, "at most 6"),
    figure("Kubernetes: idle, resident", "MB", held.idle.residentMb, ""),
    figure("Kubernetes: idle, private", "MB", held.idle.privateMb, ""),
    figure(
      `Kubernetes: ${scale.held} Jobs, resident over idle`,
      "MB",
      held.full.residentMb - held.idle.residentMb,
      "at most 30 MB",
    ),
    figure(
      `Kubernetes: ${scale.held} Jobs, private over idle`,
      "MB",
      held.full.privateMb - held.idle.privateMb,
      "at most 30 MB",
    ),
  ];
}

const WARM_UP = 5;
/** Each Job's status and its pod's change so often while they run. */
const CHANGES = 5;

class KubernetesSite implements AsyncDisposable {
  private readonly cluster: FakeCluster;
  private readonly plane = new BenchPlane();
  private readonly dir = mkdtempSync(join(tmpdir(), "oz-bench-"));
  private child: Bun.Subprocess | null = null;

  private constructor(cluster: FakeCluster) {
    this.cluster = cluster;
  }

  static async start(executable: string): Promise<KubernetesSite> {
    const site = new KubernetesSite(await FakeCluster.start());
    const kubeconfig = await site.cluster.kubeconfig();
    const config = join(site.dir, "worker.yaml");
    await Bun.write(
      config,
      `worker_id: bench\nbackend:\n  kubernetes:\n    namespace: agents\n    kubeconfig: ${kubeconfig}\n    default_image: busybox:1.36\n`,
    );
    const flags = ["--config-file", config, "--log-level", "warn", "--web-socket-url", site.plane.url];
    site.child = Bun.spawn([executable, ...flags], {
      env: {
        PATH: process.env["PATH"] ?? "",
        WARP_API_KEY: "bench",
        OTEL_METRICS_EXPORTER: "none",
        STATE_DIRECTORY: join(site.dir, "state"),
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await site.plane.whenConnected();
    await site.cluster.api.until(() => site.cluster.api.openWatches === 2, "the watches");
    return site;
  }

  /** One after the other: the median time to the Job, and all requests made meanwhile for each. */
  async quietTasks(count: number): Promise<{ toJobMs: number; requests: number }> {
    const times: number[] = [];
    let before = 0;
    for (let i = 0; i < count + WARM_UP; i++) {
      if (i === WARM_UP) before = this.cluster.api.calls.length;
      const startedAt = performance.now();
      const ended = this.plane.run([`quiet-${i}`], { A: "value of a" }, "ended");
      const { metadata } = await this.cluster.jobOf(`quiet-${i}`);
      if (i >= WARM_UP) times.push(performance.now() - startedAt);
      this.cluster.complete(metadata.name);
      await ended;
      await this.cluster.api.until(() => this.cluster.jobs().length === 0, "the Job to be deleted");
    }
    times.sort((one, other) => one - other);
    const requests = (this.cluster.api.calls.length - before) / count;
    return { toJobMs: times[Math.floor(times.length / 2)] ?? 0, requests };
  }

  async heldJobs(count: number): Promise<{ idle: Memory; full: Memory }> {
    await Bun.sleep(1_500); // idle is a state of time: what ran before is collected by then
    const idle = this.memory();
    const ids = Array.from({ length: count }, (_, at) => `held-${at}`);
    void this.plane.run(ids, { A: "value of a" }, "ended");
    const all = () => this.cluster.jobs().length === count && this.cluster.jobs();
    const jobs = await this.cluster.api.until(all, "all Jobs", 60_000);
    for (let change = 0; change < CHANGES; change++) {
      for (const { metadata } of jobs) this.cluster.setPod(metadata.name, podStatus(change));
      await Bun.sleep(300); // for the traffic to arrive: the worker tells nobody what it has seen
    }
    await Bun.sleep(1_500); // likewise
    return { idle, full: this.memory() };
  }

  private memory(): Memory {
    const status = readFileSync(`/proc/${this.child?.pid}/status`, "utf8");
    const read = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024;
    return { residentMb: read("VmRSS"), privateMb: read("RssAnon") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child?.kill("SIGTERM");
    await this.child?.exited;
    this.plane[Symbol.dispose]();
    await this.cluster[Symbol.asyncDispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

interface Memory {
  readonly residentMb: number;
  readonly privateMb: number;
}

/** As large as a kubelet's. */
function podStatus(change: number): object {
  const started = { running: { startedAt: new Date().toISOString() } };
  const conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
  return {
    phase: "Running",
    podIP: `10.0.0.${change}`,
    conditions: conditions.map((type) => ({
      type,
      status: "True",
      lastTransitionTime: new Date().toISOString(),
      observedGeneration: change,
    })),
    containerStatuses: [
      {
        name: "task",
        image: "docker.io/library/busybox:1.36",
        imageID: `sha256:${"0".repeat(64)}`,
        containerID: `containerd://${"1".repeat(64)}`,
        ready: true,
        restartCount: change,
        state: started,
        lastState: {},
      },
    ],
  };
}

function figure(name: string, unit: string, worker: number, target: string): Figure {
  return { name, unit, worker, floor: null, target };
}
