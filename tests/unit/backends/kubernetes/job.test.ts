import { describe, expect, test } from "bun:test";
import type { V1Container, V1EnvVar, V1PodSpec } from "@kubernetes/client-node";
import { buildJob } from "../../../../src/backends/kubernetes/job/job.ts";
import { workerHashOf } from "../../../../src/backends/kubernetes/job/labels.ts";
import type { KubernetesSettings } from "../../../../src/config/settings.ts";
import type { TaskSpec } from "../../../../src/task/prepare.ts";
import { expandAsKubelet } from "./kubelet-expansion.ts";
import { INSTANCE_ID, kubernetesSettings, sampleTask, WORKER_ID } from "./sample-settings.ts";

const START =
  'if [ -f "$OZ_ENVIRONMENT_FILE" ]; then set -a; . "$OZ_ENVIRONMENT_FILE"; set +a; fi; exec /agent/entrypoint.sh "$@"';

const OWN_VARIABLES = [
  { name: "OZ_ENVIRONMENT_FILE", value: "/workspace/.oz-env" },
  { name: "OZ_WORKSPACE_ROOT", value: "/workspace" },
  { name: "OZ_WORKER_BACKEND", value: "kubernetes" },
  { name: "OZ_RUN_ID", value: "t-1" },
];

function jobOf(
  task: TaskSpec,
  settings: Partial<KubernetesSettings> = {},
  envSecretName: string | null = null,
) {
  const input = {
    task,
    settings: kubernetesSettings(settings),
    workerId: WORKER_ID,
    instanceId: INSTANCE_ID,
  };
  return buildJob({ ...input, envSecretName });
}

function podOf(task: TaskSpec, settings: Partial<KubernetesSettings> = {}): V1PodSpec {
  const spec = jobOf(task, settings).spec?.template.spec;
  if (!spec) throw new Error("a Job without a pod");
  return spec;
}

function taskOf(task: TaskSpec, settings: Partial<KubernetesSettings> = {}): V1Container | undefined {
  return podOf(task, settings).containers.find(({ name }) => name === "task");
}

function mountsOf(container: V1Container | undefined) {
  return container?.volumeMounts?.map(({ name, mountPath, readOnly }) => [
    name,
    mountPath,
    readOnly ?? false,
  ]);
}

// As servers of its MCP object hold them, which the kubelet would fill in itself, or halve.
test("what the agent is called with reaches it as it is, dollar signs and all", () => {
  const argv = ["agent", "run", "--mcp", '{"token":"$(TASK_ID)","cost":"$$5"}'];
  const { args } = taskOf({ ...sampleTask(), argv }) ?? {};
  expect(args).not.toEqual(argv);
  expect(args?.map((text) => expandAsKubelet(text, { TASK_ID: "t-1" }))).toEqual(argv);
});

test("a bare assignment is a Job to the letter", () => {
  const labels = {
    "oz-worker-id": "w-rker-1",
    "oz-task-id": "t-1",
    "oz-execution-id": "exec-t-1",
    "oz-worker-hash": workerHashOf(WORKER_ID),
    "oz-task-hash": workerHashOf("t-1"),
    "oz-execution-hash": workerHashOf("exec-t-1"),
  };
  expect(jobOf(sampleTask())).toEqual({
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: "oz-task-t-1-exec-exec-t-1",
      namespace: "agents",
      labels: { ...labels, "oz-instance": INSTANCE_ID },
    },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          containers: [
            {
              name: "task",
              image: "ubuntu:22.04",
              imagePullPolicy: "IfNotPresent",
              command: ["/bin/sh", "-c", START, "oz-task"],
              args: ["agent", "run"],
              workingDir: "/workspace",
              env: [{ name: "TASK_ID", value: "t-1" }, ...OWN_VARIABLES],
              volumeMounts: [{ name: "workspace", mountPath: "/workspace" }],
            },
          ],
          volumes: [{ name: "workspace", emptyDir: {} }],
        },
      },
    },
  });
});

test("limits, labels, annotations and commands of the operator have their places", () => {
  const job = jobOf(sampleTask(), {
    activeDeadlineSeconds: 60,
    ttlSecondsAfterFinished: 0,
    workspaceSizeLimit: "10Gi",
    extraLabels: { team: "x" },
    extraAnnotations: { "a/b": "c" },
    setupCommand: "echo $(date) $$",
    teardownCommand: "bye $(date) $$",
    imagePullPolicy: "Always",
  });
  expect(job.spec).toMatchObject({ activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 0, backoffLimit: 0 });
  for (const metadata of [job.metadata, job.spec?.template.metadata]) {
    expect(metadata).toMatchObject({ labels: { team: "x" }, annotations: { "a/b": "c" } });
  }
  const pod = job.spec?.template.spec;
  expect(pod?.volumes).toEqual([{ name: "workspace", emptyDir: { sizeLimit: "10Gi" } }]);
  const task = pod?.containers[0];
  expect(pod?.initContainers).toEqual([
    {
      name: "setup",
      image: "ubuntu:22.04",
      imagePullPolicy: "Always",
      // Escaped for the kubelet, which expands commands, but not those of hooks.
      command: ["/bin/sh", "-c", "echo $$(date) $$$"],
      workingDir: "/workspace",
      env: task?.env ?? [],
      volumeMounts: [{ name: "workspace", mountPath: "/workspace" }],
    },
  ]);
  expect(task?.lifecycle).toEqual({ preStop: { exec: { command: ["/bin/sh", "-c", "bye $(date) $$"] } } });
});

test.each([
  ["server:1", "default:1", "server:1"],
  ["", "default:1", "default:1"],
  ["", null, "ubuntu:22.04"],
])("of the server's image %j and the default %j the task gets %j", (dockerImage, defaultImage, image) => {
  const template = { containers: [{ name: "task", image: "template:1" }] };
  expect(taskOf(sampleTask({ dockerImage }), { defaultImage, podTemplate: template })?.image).toBe(image);
});

describe("a pod template", () => {
  const podTemplate = {
    restartPolicy: "Always",
    nodeSelector: { disk: "ssd" },
    containers: [
      { name: "before", image: "b:1" },
      {
        name: "task",
        imagePullPolicy: "Never",
        command: ["theirs"],
        env: [{ name: "OF_THE_TEMPLATE", value: "$(POD)" }],
        envFrom: [{ secretRef: { name: "more" } }],
        volumeMounts: [{ name: "cache", mountPath: "/cache" }],
        securityContext: { runAsUser: 7 },
        lifecycle: { postStart: { exec: { command: ["a"] } }, preStop: { exec: { command: ["b"] } } },
      },
      { name: "after", image: "a:1", env: [{ name: "X", value: "y" }] },
    ],
    initContainers: [{ name: "proxy", image: "p:1", restartPolicy: "Always" }],
    volumes: [{ name: "cache", emptyDir: {} }],
  };
  const settings = { podTemplate, setupCommand: "s", sidecarImage: "agent:1" };

  test("keeps its pod fields and its other containers, in their order, and never restarts the task", () => {
    const pod = podOf(sampleTask(), settings);
    expect(pod.nodeSelector).toEqual({ disk: "ssd" });
    expect(pod.restartPolicy).toBe("Never");
    expect(pod.containers.map(({ name }) => name)).toEqual(["before", "task", "after"]);
    expect(pod.containers[2]).toEqual(podTemplate.containers[2] as V1Container);
  });

  test("has its volumes before the worker's and its init containers after them", () => {
    const pod = podOf(sampleTask(), settings);
    expect(pod.volumes?.map(({ name }) => name)).toEqual(["cache", "workspace", "sidecar-0-data"]);
    expect(pod.initContainers?.map(({ name }) => name)).toEqual(["copy-sidecar-0", "setup", "proxy"]);
    expect(pod.initContainers?.[2]).toEqual(podTemplate.initContainers[0] as V1Container);
  });

  test("gives the setup what the task has of variables, from wherever they come", () => {
    const pod = podOf(sampleTask(), settings);
    const setup = pod.initContainers?.find(({ name }) => name === "setup");
    expect(setup?.envFrom).toEqual([{ secretRef: { name: "more" } }]);
    expect(setup?.env).toEqual(pod.containers.find(({ name }) => name === "task")?.env as V1EnvVar[]);
  });

  test("gives its container `task` what the worker does not say", () => {
    const task = taskOf(sampleTask(), { ...settings, teardownCommand: "bye" });
    expect(task?.imagePullPolicy).toBe("Never");
    expect(task?.securityContext).toEqual({ runAsUser: 7 });
    expect(task?.command).toEqual(["/bin/sh", "-c", START, "oz-task"]);
    expect(task?.envFrom).toEqual([{ secretRef: { name: "more" } }]);
    expect(task?.lifecycle).toEqual({
      postStart: { exec: { command: ["a"] } },
      preStop: { exec: { command: ["/bin/sh", "-c", "bye"] } },
    });
    expect(mountsOf(task)).toEqual([
      ["cache", "/cache", false],
      ["workspace", "/workspace", false],
      ["sidecar-0-data", "/agent", true],
    ]);
  });

  test("has its variables first, as they are written, so that the task's own win", () => {
    const task = taskOf(sampleTask({}, { TASK_ID: "t-1", OZ_RUN_ID: "lies", LITERAL: "$(POD)" }), settings);
    expect(task?.env).toEqual([
      { name: "OF_THE_TEMPLATE", value: "$(POD)" },
      { name: "TASK_ID", value: "t-1" },
      { name: "LITERAL", value: "$$(POD)" },
      ...OWN_VARIABLES,
    ]);
  });

  test("without a container `task` gets one at the end; empty lists are none", () => {
    const containers = [{ name: "other", image: "o:1" }];
    const pod = podOf(sampleTask(), { podTemplate: { containers, initContainers: null, volumes: null } });
    expect(pod.containers.map(({ name }) => name)).toEqual(["other", "task"]);
    expect(pod.volumes?.map(({ name }) => name)).toEqual(["workspace"]);
  });

  test("that is shared by all tasks is not changed by one", () => {
    const before = structuredClone(podTemplate);
    podOf(sampleTask({ instanceShape: { vcpus: 1, memoryGb: 1 } }), { ...settings, teardownCommand: "t" });
    expect(podTemplate).toEqual(before);
  });
});

describe("an instance shape", () => {
  const template = {
    requests: { cpu: "8", memory: "1Gi", "nvidia.com/gpu": "1" },
    limits: { memory: "9Gi", "ephemeral-storage": "5Gi" },
  };
  const containers = [{ name: "task", resources: template }];

  test.each([
    [
      { vcpus: 2, memoryGb: 4 },
      {
        requests: { cpu: "2", memory: "4Gi", "nvidia.com/gpu": "1" },
        limits: { cpu: "2", memory: "4Gi", "ephemeral-storage": "5Gi" },
      },
    ],
    [
      { vcpus: 0.5, memoryGb: 0 },
      { requests: { ...template.requests, cpu: "500m" }, limits: { ...template.limits, cpu: "500m" } },
    ],
    [
      { vcpus: 0, memoryGb: 1.5 },
      {
        requests: { ...template.requests, memory: "1536Mi" },
        limits: { ...template.limits, memory: "1536Mi" },
      },
    ],
    [{ vcpus: 0, memoryGb: 0 }, template],
  ])("%j is requests and limits on each positive axis", (instanceShape, resources) => {
    const task = taskOf(sampleTask({ instanceShape }), { podTemplate: { containers } });
    expect(task?.resources).toEqual(resources);
  });

  test("needs no template, and without either there are no resources", () => {
    expect(taskOf(sampleTask({ instanceShape: { vcpus: 1, memoryGb: 0.3 } }))?.resources).toEqual({
      requests: { cpu: "1", memory: "322122548" },
      limits: { cpu: "1", memory: "322122548" },
    });
    expect(taskOf(sampleTask())).not.toHaveProperty("resources");
  });
});

test("what has to be read as root is, even where the template forbids it to all others", () => {
  const contextOf = (securityContext: object | undefined) =>
    podOf(sampleTask({ sidecarImage: "a:1" }), {
      podTemplate: securityContext === undefined ? null : { securityContext },
    }).initContainers?.[0]?.securityContext;
  expect(contextOf(undefined)).toEqual({ runAsUser: 0, runAsGroup: 0 });
  expect(contextOf({ runAsNonRoot: true })).toEqual({ runAsUser: 0, runAsGroup: 0, runAsNonRoot: false });
});
