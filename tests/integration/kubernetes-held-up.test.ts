/** What the operator hears of a Job that goes on although its agent has ended. */
import { describe, expect, jest, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const WORDS = "the agent has ended, and another container keeps its Job running";
const MINUTES_4 = 4 * 60_000;

const running = (name: string) => ({ name, state: { running: { startedAt: cluster.api.now() } } });
const ended = (name: string) => ({ name, state: { terminated: { exitCode: 0, reason: "Completed" } } });

/** A task beside which a mesh has its proxy; the test has the clock. */
async function startInMesh() {
  jest.useFakeTimers();
  const rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
  const task = rig.run("t-1");
  await passTime(cluster, () => task.handles.at(-1)?.["ready"] === true, { stepMs: 10 });
  const [job] = cluster.jobs();
  const { name } = job.metadata;
  const setContainers = async (...containerStatuses: object[]) => {
    cluster.setPod(name, { phase: "Running", containerStatuses });
    await cluster.turn();
  };
  const isSaid = () => rig.log.said("warn").includes(WORDS);
  const wait = async (ms: number) => {
    const startedAt = performance.now();
    await passTime(cluster, () => performance.now() - startedAt >= ms, { stepMs: 5_000, mostMs: 2 * ms });
  };
  const finish = async () => {
    cluster.complete(name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  };
  return { rig, name, setContainers, isSaid, wait, finish };
}

describe("a Job whose agent has ended", () => {
  // A mesh's proxy never ends by itself: the task was waited for without a word.
  test("and whose injected container goes on is told of after five minutes, once, with what to do", async () => {
    const { rig, name, setContainers, isSaid, wait, finish } = await startInMesh();
    await setContainers(ended("task"), running("istio-proxy"), running("vault-agent"), ended("other"));
    await wait(MINUTES_4);
    expect(isSaid()).toBe(false);
    await wait(MINUTES_4);
    await setContainers(ended("task"), running("istio-proxy"), ended("vault-agent"), ended("other"));
    await wait(MINUTES_4);
    await wait(MINUTES_4);
    expect(rig.log.lines.filter(({ message }) => message === WORDS)).toMatchObject([
      {
        level: "warn",
        fields: {
          job: name,
          pod: cluster.podOf(name).metadata.name,
          containers: "istio-proxy, vault-agent",
          hint: expect.stringMatching(/native sidecar.*extra_labels.*active_deadline_seconds/),
        },
      },
    ]);
    await finish();
  });

  test.each([
    ["whose agent works", (one: typeof running) => [one("task"), one("istio-proxy")]],
    ["whose other containers have ended too", () => [ended("task"), ended("istio-proxy")]],
  ] as const)("is not told of when it is one %s", async (_what, containers) => {
    const { rig, setContainers, wait, finish } = await startInMesh();
    await setContainers(...containers(running));
    await wait(2 * MINUTES_4);
    expect(rig.log.said("warn")).toEqual([]);
    await finish();
  });

  test("is not told of when what goes on ends in time", async () => {
    const { rig, setContainers, wait, finish } = await startInMesh();
    await setContainers(ended("task"), running("uploader"));
    await wait(MINUTES_4);
    await setContainers(ended("task"), ended("uploader"));
    await wait(MINUTES_4);
    expect(rig.log.said("warn")).toEqual([]);
    await finish();
  });
});
