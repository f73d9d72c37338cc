/** Settings and tasks of the Kubernetes backend, for tests of what is made from them. */
import type { KubernetesSettings } from "../../../../src/config/settings.ts";
import type { TaskSpec } from "../../../../src/task/prepare.ts";
import { type SampleFields, sampleAssignment } from "../../task/sample-assignment.ts";

export const WORKER_ID = "Wörker 1";
export const INSTANCE_ID = "0b2a6f0e-0000-4000-8000-000000000001";

export function kubernetesSettings(fields: Partial<KubernetesSettings> = {}): KubernetesSettings {
  return {
    kind: "kubernetes",
    namespace: "agents",
    kubeconfig: null,
    defaultImage: null,
    imagePullPolicy: "IfNotPresent",
    useImageVolumes: false,
    preflightImage: "busybox:1.36",
    preflightResources: { requests: { cpu: "10m" } },
    sidecarImage: null,
    codingCliSidecars: {},
    setupCommand: null,
    teardownCommand: null,
    extraLabels: {},
    extraAnnotations: {},
    activeDeadlineSeconds: null,
    ttlSecondsAfterFinished: null,
    workspaceSizeLimit: null,
    unschedulableTimeoutMs: 30_000,
    podTemplate: null,
    taskEnvSecret: "auto",
    configFile: null,
    environment: [],
    ...fields,
  };
}

export function sampleTask(
  fields: SampleFields = {},
  environment: Readonly<Record<string, string>> = { TASK_ID: "t-1" },
): TaskSpec {
  return { assignment: sampleAssignment(fields), argv: ["agent", "run"], environment };
}
