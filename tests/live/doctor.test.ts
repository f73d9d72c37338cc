/** `doctor` beside a worker with a task, on real engines and a real cluster: it tells of them and leaves nothing there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngineAndPodman } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";

const DOCTOR = { flags: ["doctor"], env: { OTEL_METRICS_EXPORTER: "none" } };

onEachEngineAndPodman("doctor", ({ socket, registry }) => {
  test("tells the engine, and a worker that runs a task beside it goes on", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start();
    const [taskId = ""] = await site.hold(1);
    const before = await site.containers();
    await using run = await site.start({ ...DOCTOR, connected: false });
    expect([await run.finished(), run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toMatch(
      /^ok {4}backend +container engine at unix:\S+ \(DOCKER_HOST\): \S+, API 1\.\d+, linux\//m,
    );
    expect(run.stdout).toEndWith("\n7 ok, 0 warnings, 0 failed\n");
    expect((await site.containers()).map(({ Id }) => Id)).toEqual(before.map(({ Id }) => Id));
    await site.release(taskId);
    expect((await site.plane.waitForTask(taskId, [], { timeoutMs: 55_000 })).state).toBe("completed");
    expect(worker.stderr).not.toMatch(/ (?:WARN|ERROR) /);
  });
});

describe.skipIf(noCluster !== null)("doctor in a real cluster", () => {
  let site: ClusterSite;

  beforeAll(async () => {
    site = await ClusterSite.create();
  }, 120_000);

  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  }, 60_000);

  const objects = async () =>
    (await site.cluster.kubectl("-n", site.namespace, "get", "jobs,leases,secrets", "-o", "name")).split(
      "\n",
    );

  test(
    "tells the cluster, and leaves neither a Job nor a Lease beside those of a worker that runs",
    async () => {
      await using _worker = await site.start();
      const [run] = await site.hold(1);
      const before = await objects();
      await using doctor = await site.start({ ...DOCTOR, ready: false });
      expect([await doctor.finished(TASK_TIMEOUT_MS), doctor.stderr]).toEqual([0, ""]);
      expect(doctor.stdout).toContain(`namespace "${site.namespace}" of the cluster at https:`);
      await eventually(async () => Bun.deepEquals(await objects(), before), "the preflight's Job to be gone");
      run?.release();
      if (run !== undefined) expect((await site.ended(run)).state).toBe("completed");
    },
    TASK_TIMEOUT_MS * 2,
  );
});
