/** The contract's assignments as Jobs: what the kubelet gives to the agent is what the contract says. */

import { describe, expect, test } from "bun:test";
import type { V1Container, V1Job } from "@kubernetes/client-node";
import { buildEnvSecret, envSecretNameOf } from "../../../../src/backends/kubernetes/job/env-secret.ts";
import { buildJob } from "../../../../src/backends/kubernetes/job/job.ts";
import { jobNameOf } from "../../../../src/backends/kubernetes/job/name.ts";
import type { Settings } from "../../../../src/config/settings.ts";
import { chooseTelemetry } from "../../../../src/config/telemetry.ts";
import { parseInbound } from "../../../../src/protocol/inbound.ts";
import { prepareTask } from "../../../../src/task/prepare.ts";
import { cases as table } from "../../../fixtures/assignments.json";
import { assignment } from "../../../support/assignments.ts";
import { expandAsKubelet } from "./kubelet-expansion.ts";
import { INSTANCE_ID, kubernetesSettings, WORKER_ID } from "./sample-settings.ts";

interface Case {
  readonly name: string;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly task?: Readonly<Record<string, unknown>>;
}

const cases = (table as readonly Case[]).map((each) => [each.name, each] as const);
const UID = "0b2a6f0e-0000-4000-8000-000000000002";

function settings(): Settings {
  const backend = kubernetesSettings({
    environment: [
      { name: "FROM_FLAG", value: "flag $(TASK_ID) $$" },
      { name: "A", value: "flag" },
    ],
    podTemplate: {
      containers: [
        {
          name: "task",
          env: [
            { name: "TEMPLATE", value: "t" },
            { name: "A", value: "t" },
          ],
        },
      ],
    },
  });
  return {
    workerId: WORKER_ID,
    key: { label: "test", shown: null, read: async () => "worker-key" },
    backend,
    cleanup: true,
    maxConcurrentTasks: 0,
    idleOnComplete: null,
    logLevel: "info",
    logFormat: "text",
    stateDir: "/state",
    cancelGracePeriodMs: 1,
    maxTasks: 0,
    exitAfterIdleMs: 0,
    drainTimeoutMs: 0,
    shutdownTimeoutMs: 1,
    maxTaskDurationMs: null,
    caFile: null,
    webSocketUrl: "ws://x",
    serverRootUrl: "https://root",
    sessionSharingServerUrl: null,
    telemetry: chooseTelemetry({}).settings,
    healthAddress: null,
    unusedBackend: null,
    emptyBackend: null,
  };
}

function taskOf({ more = {}, task = {} }: Case) {
  const whole = assignment({ taskId: "t-1", more });
  const data = { ...whole, task: { ...(whole["task"] as object), ...task } };
  const inbound = parseInbound(JSON.stringify({ type: "task_assignment", data }));
  if (inbound.kind !== "assignment") throw new Error(`not understood: ${inbound.kind}`);
  return prepareTask(inbound.assignment, settings());
}

function jobOf(each: Case, inSecret: boolean) {
  const { backend } = settings();
  if (backend.kind !== "kubernetes") throw new Error("another backend");
  const task = taskOf(each);
  const { taskId, executionId } = task.assignment;
  const envSecretName = inSecret ? envSecretNameOf(jobNameOf(taskId, executionId)) : null;
  const job = buildJob({
    task,
    settings: backend,
    workerId: WORKER_ID,
    instanceId: INSTANCE_ID,
    envSecretName,
  });
  return { task, job, container: job.spec?.template.spec?.containers[0] };
}

/** As the kubelet goes about it: in their order, a later one of the same name wins. */
function environmentOf(container: V1Container | undefined, secret: Readonly<Record<string, string>>) {
  const environment: Record<string, string> = {};
  for (const { name, value, valueFrom } of container?.env ?? []) {
    const key = valueFrom?.secretKeyRef?.key;
    const text = key === undefined ? expandAsKubelet(value ?? "", environment) : secret[key];
    if (text === undefined) throw new Error(`the Secret has no key ${key}`);
    environment[name] = text;
  }
  return environment;
}

function created(job: V1Job): V1Job {
  return { ...job, metadata: { ...job.metadata, uid: UID } };
}

const OWN = {
  TEMPLATE: "t",
  OZ_ENVIRONMENT_FILE: "/workspace/.oz-env",
  OZ_WORKSPACE_ROOT: "/workspace",
  OZ_WORKER_BACKEND: "kubernetes",
  OZ_RUN_ID: "t-1",
};

describe.each(cases)("%s", (_name, each) => {
  test("gives the agent its argv", () => {
    const { task, container } = jobOf(each, false);
    const known = environmentOf(container, {});
    expect(container?.args?.map((word) => expandAsKubelet(word, known))).toEqual([...task.argv]);
  });

  test("gives the agent its environment, plain", () => {
    const { task, container } = jobOf(each, false);
    expect(environmentOf(container, {})).toEqual({ ...task.environment, ...OWN });
  });

  test("gives the agent the same environment from a Secret, and none of it stands in the Job", () => {
    const { task, job, container } = jobOf(each, true);
    const { data = {} } = buildEnvSecret({ task, job: created(job) });
    const secret = Object.fromEntries(
      Object.entries(data).map(([key, text]) => [key, Buffer.from(text, "base64").toString()]),
    );
    expect(environmentOf(container, secret)).toEqual({ ...task.environment, ...OWN });
    const plain = container?.env?.filter(({ value }) => value !== undefined).map(({ name }) => name);
    expect(plain).toEqual(["TEMPLATE", "A", ...Object.keys(OWN).slice(1)]);
  });
});

test("the Secret belongs to its Job, bears its labels and cannot be changed", () => {
  const { task, job } = jobOf({ name: "", more: { env_vars: { "a b/ü": "x", EMPTY: "" } } }, true);
  const secret = buildEnvSecret({ task, job: created(job) });
  expect(secret).toMatchObject({ apiVersion: "v1", kind: "Secret", type: "Opaque", immutable: true });
  expect(secret.metadata).toEqual({
    name: "oz-task-t-1-exec-exec-t-1-env",
    namespace: "agents",
    labels: job.metadata?.labels ?? {},
    ownerReferences: [
      {
        apiVersion: "batch/v1",
        kind: "Job",
        name: "oz-task-t-1-exec-exec-t-1",
        uid: UID,
        blockOwnerDeletion: false,
      },
    ],
  });
  // Whatever a variable is called, the key of its value is legal.
  for (const key of Object.keys(secret.data ?? {})) expect(key).toMatch(/^[-._a-zA-Z0-9]+$/);
  expect(Object.values(secret.data ?? {})).toContain("");
});
