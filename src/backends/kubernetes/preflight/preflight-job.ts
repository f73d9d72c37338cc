/** The Job that proves that pods can be made here: with the template's pod fields and nothing to do. */
import type { V1Container, V1Job, V1PodSpec } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import { labelValueOf, WORKER_ID_LABEL, workerHashOf } from "../job/labels.ts";
import { readPodTemplate } from "../job/pod-template.ts";
import { rootContextOf } from "../job/root-context.ts";

/** On Job and pod, with the Job's name; not the label of the tasks, which others look for. */
export const PREFLIGHT_LABEL = "oz-preflight";

/** For the cluster to tidy up by itself if the worker is killed in between. */
const LIFE_SECONDS = 300;

const NOBODY = 65_534;
const IMAGE_MOUNT = "/sidecar";

export interface PreflightJobInput {
  readonly settings: KubernetesSettings;
  readonly workerId: string;
  /** Tells apart what workers of one id try at the same time. */
  readonly nanoseconds: bigint;
}

export function buildPreflightJob({ settings, workerId, nanoseconds }: PreflightJobInput): V1Job {
  const name = `oz-preflight-${workerHashOf(workerId)}-${nanoseconds}`;
  const labels = {
    ...settings.extraLabels,
    [WORKER_ID_LABEL]: labelValueOf(workerId),
    [PREFLIGHT_LABEL]: name,
  };
  const annotations =
    Object.keys(settings.extraAnnotations).length > 0 ? { annotations: settings.extraAnnotations } : {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace: settings.namespace, labels, ...annotations },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: LIFE_SECONDS,
      ttlSecondsAfterFinished: LIFE_SECONDS,
      template: { metadata: { labels, ...annotations }, spec: podSpec(settings) },
    },
  };
}

function podSpec(settings: KubernetesSettings): V1PodSpec {
  const { fields, volumes } = readPodTemplate(settings.podTemplate);
  const { initContainers: _, ...podFields } = fields;
  const root: V1Container = { ...container("init", settings), securityContext: rootContextOf(fields) };
  const spec = { ...podFields, restartPolicy: "Never" };
  if (!settings.useImageVolumes) {
    return {
      ...spec,
      initContainers: [root],
      containers: [container("main", settings)],
      volumes: [...volumes],
    };
  }
  // It has to run to its end, and no task of such a worker needs root.
  const asNobody =
    fields.securityContext?.runAsNonRoot === true && fields.securityContext.runAsUser === undefined;
  const main: V1Container = {
    ...container("main", settings),
    ...(asNobody ? { securityContext: { runAsUser: NOBODY } } : {}),
    volumeMounts: [{ name: "sidecar-image", mountPath: IMAGE_MOUNT, readOnly: true }],
  };
  const image = { reference: settings.preflightImage, pullPolicy: settings.imagePullPolicy };
  return { ...spec, containers: [main], volumes: [...volumes, { name: "sidecar-image", image }] };
}

function container(name: string, settings: KubernetesSettings): V1Container {
  return {
    name,
    image: settings.preflightImage,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["true"],
    resources: settings.preflightResources,
  };
}
