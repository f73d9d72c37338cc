import { describe, expect, test } from "bun:test";
import {
  buildContainer,
  nameContainer,
  type TaskContainer,
} from "../../../../src/backends/docker/task-container.ts";
import type { ContainerLimits } from "../../../../src/config/settings.ts";
import { sampleAssignment } from "../../task/sample-assignment.ts";

const NO_LIMITS = { vcpus: 0, memoryGb: 0 };

type Settings = TaskContainer["settings"];

function container(
  more: Partial<Omit<TaskContainer, "settings">> & Partial<Settings> & { shape?: ContainerLimits } = {},
) {
  const {
    shape = NO_LIMITS,
    volumes = [],
    network = null,
    defaultLimits = NO_LIMITS,
    security = { noNewPrivileges: false, pidsLimit: null, capDrop: [], runtime: null },
    ...rest
  } = more;
  const assignment = sampleAssignment({ instanceShape: shape });
  return buildContainer({
    task: { assignment, argv: ["agent", "run", "--task-id", "t"], environment: { B: "2", A: "x=y\nz" } },
    image: "image:1",
    sidecars: [],
    settings: { volumes, network, defaultLimits, security },
    labels: { "oz-task-id": "t" },
    ...rest,
  });
}

describe("a task's container", () => {
  test("runs the agent behind the image's own entrypoint, with the environment in its order", () => {
    expect(container()).toEqual({
      Image: "image:1",
      Cmd: ["/agent/entrypoint.sh", "agent", "run", "--task-id", "t"],
      Env: ["B=2", "A=x=y\nz"],
      WorkingDir: "/workspace",
      Labels: { "oz-task-id": "t" },
      HostConfig: { Binds: [] },
    });
  });

  test("mounts sidecars first and then the operator's volumes as they were written", () => {
    const body = container({
      sidecars: [
        { kind: "volume", volume: "agent-1", mountPath: "/agent", readOnly: true, filling: "f" },
        { kind: "volume", volume: "own-2", mountPath: "/own", readOnly: false, filling: "f-2" },
      ],
      volumes: [{ spec: "/h:/c:rw", hostPath: "/h", containerPath: "/c", readOnly: false }],
    });
    expect(body.HostConfig).toEqual({ Binds: ["agent-1:/agent:ro", "own-2:/own", "/h:/c:rw"] });
  });

  test("mounts an image, read-only, where the engine can", () => {
    const body = container({ sidecars: [{ kind: "image", image: "sha256:1", mountPath: "/agent" }] });
    expect(body.HostConfig).toEqual({
      Binds: [],
      Mounts: [{ Type: "image", Source: "sha256:1", Target: "/agent", ReadOnly: true }],
    });
  });

  test.each([
    [
      { vcpus: 2, memoryGb: 4 },
      { NanoCpus: 2e9, Memory: 4 * 2 ** 30, MemorySwap: 4 * 2 ** 30 },
    ],
    [{ vcpus: 0.5, memoryGb: 0 }, { NanoCpus: 5e8 }],
    [
      { vcpus: 0, memoryGb: 0.25 },
      { Memory: 2 ** 28, MemorySwap: 2 ** 28 },
    ],
  ])("has the limits of its shape %p, each axis by itself", (shape, limits) => {
    expect(container({ shape }).HostConfig).toEqual({ Binds: [], ...limits });
  });

  test.each([
    [
      { vcpus: 0, memoryGb: 0 },
      { NanoCpus: 2e9, Memory: 2 ** 30, MemorySwap: 2 ** 30 },
    ],
    [
      { vcpus: 0.5, memoryGb: -1 },
      { NanoCpus: 5e8, Memory: 2 ** 30, MemorySwap: 2 ** 30 },
    ],
    [
      { vcpus: 0, memoryGb: 4 },
      { NanoCpus: 2e9, Memory: 4 * 2 ** 30, MemorySwap: 4 * 2 ** 30 },
    ],
  ])("of the shape %p has the operator's limits where that sets none", (shape, limits) => {
    const defaultLimits = { vcpus: 2, memoryGb: 1 };
    expect(container({ shape, defaultLimits }).HostConfig).toEqual({ Binds: [], ...limits });
  });

  test("is restricted only as the operator says", () => {
    const security = { noNewPrivileges: true, pidsLimit: 100, capDrop: ["NET_RAW"], runtime: "runsc" };
    expect(container({ security, network: "agents" }).HostConfig).toEqual({
      Binds: [],
      NetworkMode: "agents",
      Runtime: "runsc",
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 100,
      CapDrop: ["NET_RAW"],
    });
  });
});

describe("the name of a container", () => {
  test.each([
    ["3f2a-1", /^oz-worker-3f2a-1-[0-9a-f]{8}$/],
    ["../../etc", /^oz-worker-etc-[0-9a-f]{8}$/],
    ["ü ü", /^oz-worker-task-[0-9a-f]{8}$/],
    ["a".repeat(200), /^oz-worker-a{40}-[0-9a-f]{8}$/],
  ])("of task %p is readable and one that engines take", (taskId, expected) => {
    expect(nameContainer(taskId)).toMatch(expected);
  });

  test("is never given twice", () => {
    expect(nameContainer("t")).not.toBe(nameContainer("t"));
  });
});
