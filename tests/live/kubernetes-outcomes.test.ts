/** What becomes of a task on a real cluster, each way that it may end with its reason and its words. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import type { DevTask } from "../../src/dev/tasks.ts";
import { type AssignmentFields, assignment } from "../support/assignments.ts";
import { noCluster } from "../support/live-cluster.ts";
import {
  ClusterSite,
  HOG_IMAGE,
  SIDECAR_IMAGE,
  type SiteWorkerOptions,
  TASK_TIMEOUT_MS,
} from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY } from "../support/worker-process.ts";

interface Case extends AssignmentFields {
  /** Options of a worker for this case alone; unset: the one that most cases share. */
  readonly worker?: SiteWorkerOptions;
  readonly state: "completed" | "failed";
  readonly reason?: string;
  readonly exitCode?: number;
  /** In the message. */
  readonly says?: RegExp;
}

const BUSYBOX = "busybox:1.36";
const restartable = (command: string) => ({
  initContainers: [
    { name: "helper", image: BUSYBOX, restartPolicy: "Always", command: ["/bin/sh", "-c", command] },
  ],
});

const CASES: Readonly<Record<string, Case>> = {
  "an agent that succeeds": { state: "completed" },
  "an agent that exits with 7": {
    env: { AGENT_EXIT: "7" },
    state: "failed",
    reason: "container_exit",
    exitCode: 7,
    says: /pod .*oz-task-/,
  },
  "an agent that exits as one that SIGTERM ended": {
    env: { AGENT_EXIT: "143" },
    state: "failed",
    reason: "container_exit",
    exitCode: 143,
    says: /evict|preempt|drain|deadline/i,
  },
  "an agent that takes too much memory": {
    more: { docker_image: HOG_IMAGE },
    worker: { task: { resources: { limits: { memory: "32Mi" } } } },
    state: "failed",
    reason: "container_oom",
    exitCode: 137,
  },
  "an image that nobody has": {
    more: { docker_image: "oz-test/nobody-has-this:1" },
    state: "failed",
    reason: "image_pull",
    says: /nobody-has-this/,
  },
  "an image name that is none": {
    more: { docker_image: "Not/An:Image:Name" },
    state: "failed",
    reason: "invalid_image",
  },
  "a pod for which there is no node": {
    worker: { pod: { nodeSelector: { no: "where" } }, kubernetes: { unschedulable_timeout: "2s" } },
    state: "failed",
    reason: "unschedulable",
    says: /node/,
  },
  "an agent that runs longer than the deadline": {
    env: { AGENT_HOLD: "1" },
    worker: { kubernetes: { active_deadline_seconds: 4 } },
    state: "failed",
    reason: "active_deadline",
  },
  "a setup command that fails": {
    worker: { kubernetes: { setup_command: "echo no such luck >&2; exit 9" } },
    state: "failed",
    reason: "init_container",
    says: /setup/,
  },
  "a volume that cannot be mounted": {
    // Mounted, too: the kubelet does not care for a volume that no container wants.
    worker: {
      pod: { volumes: [{ name: "gone", secret: { secretName: "no-such-secret" } }] },
      task: { volumeMounts: [{ name: "gone", mountPath: "/gone" }] },
    },
    state: "failed",
    reason: "volume_mount",
    says: /no-such-secret/,
  },
  "a container that cannot be made": {
    worker: { task: { envFrom: [{ configMapRef: { name: "no-such-map" } }] } },
    state: "failed",
    reason: "container_create",
    says: /no-such-map/,
  },
  "a restartable sidecar that exits with 143": {
    worker: { pod: restartable('trap "exit 143" TERM; while :; do sleep 0.1; done') },
    state: "completed",
  },
  "a restartable sidecar that crashes, and an agent that fails by itself": {
    env: { AGENT_EXIT: "3", AGENT_SLEEP: "3" },
    worker: { pod: restartable("sleep 2; exit 42") },
    state: "failed",
    reason: "container_exit",
    exitCode: 3,
  },
  "a pod that is evicted": {
    env: { AGENT_HOLD: "1" },
    worker: {
      kubernetes: {
        workspace_size_limit: "1Mi",
        setup_command: "dd if=/dev/zero of=/workspace/large bs=1M count=8",
      },
    },
    state: "failed",
    reason: "evicted",
  },
  "an agent that comes in a sidecar": {
    more: { sidecar_image: SIDECAR_IMAGE, docker_image: BUSYBOX },
    env: { AGENT_EXIT: "5" },
    state: "failed",
    reason: "container_exit",
    exitCode: 5,
  },
  "an agent that comes in an image volume": {
    more: { sidecar_image: SIDECAR_IMAGE, docker_image: BUSYBOX },
    env: { AGENT_EXIT: "6" },
    worker: { kubernetes: { use_image_volumes: true } },
    state: "failed",
    reason: "container_exit",
    exitCode: 6,
  },
};

describe.skipIf(noCluster !== null)("on a real cluster", () => {
  const ended = new Map<string, Promise<DevTask>>();
  const lanes: AsyncDisposable[] = [];
  let site: ClusterSite;

  // All at once: most of the time of each is the kubelet's, or a limit that has to pass.
  beforeAll(async () => {
    site = await ClusterSite.create();
    lanes.push(await site.start({ workerId: "shared" }));
    await Promise.all(
      Object.entries(CASES).map(async ([name, fields], index) => {
        const plane = fields.worker ? await ControlPlane.start({ apiKey: TEST_API_KEY }) : site.plane;
        if (fields.worker) {
          const own = { plane, workerId: `w${index}`, state: `state-${index}` };
          lanes.push(await site.start({ ...fields.worker, ...own }), plane);
        }
        ended.set(name, site.run(assignment(fields), plane));
      }),
    );
  }, 120_000);

  afterAll(async () => {
    await Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]()));
    await site?.[Symbol.asyncDispose]();
  }, 60_000);

  test.each(Object.entries(CASES))(
    "%s",
    async (name, expected) => {
      const { state, failureReason, exitCode, message, terminals } = await (ended.get(name) ?? never(name));
      expect({ state, failureReason, exitCode, message, terminals }).toEqual({
        state: expected.state,
        failureReason: expected.reason ?? null,
        exitCode: expected.exitCode ?? null,
        message: expect.stringMatching(expected.says ?? /\w/),
        terminals: 1,
      });
    },
    TASK_TIMEOUT_MS + 5_000,
  );
});

test.skipIf(noCluster !== null)(
  "the pod of a failed task stays with its log, and its Job says why it failed",
  async () => {
    await using site = await ClusterSite.create();
    await using worker = await site.start();
    const task = assignment({ env: { AGENT_EXIT: "3", AGENT_OUTPUT_BYTES: "9" } });
    expect((await site.run(task)).exitCode).toBe(3);
    // Also in the worker's own log, for those who have no access to the cluster.
    await worker.waitForLog(/task output .*x{9}/);
    const failed = async () => (await site.jobs()).flatMap(({ status }) => status.conditions ?? []);
    const reason = await eventually(
      async () => (await failed()).find(({ type }) => type === "Failed")?.reason,
      "the Job to have failed",
    );
    expect(reason).toBe("BackoffLimitExceeded");
    const [job] = await site.jobs();
    const log = ["logs", `job/${job.metadata.name}`, "-c", "task"];
    expect(await site.cluster.kubectl("-n", site.namespace, ...log)).toBe("x".repeat(9));
    expect((await site.pods()).map(({ status }) => status.phase)).toEqual(["Failed"]);
  },
  TASK_TIMEOUT_MS * 2,
);

function never(name: string): never {
  throw new Error(`"${name}" was never submitted`);
}
