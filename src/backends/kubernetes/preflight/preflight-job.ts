/** The Job that proves that pods can be made here: with the template's pod fields and nothing to do. */
import type {
  V1Container,
  V1Job,
  V1PodSecurityContext,
  V1PodSpec,
  V1SecurityContext,
} from "@kubernetes/client-node";
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
  const { fields, volumes, task } = readPodTemplate(settings.podTemplate);
  const { initContainers: _, ...podFields } = fields;
  const spec = { ...podFields, restartPolicy: "Never" };
  const main: V1Container = {
    ...container("main", settings),
    ...(task.securityContext ? { securityContext: task.securityContext } : {}),
  };
  if (!settings.useImageVolumes) {
    const root = { ...container("init", settings), securityContext: rootContextOf(fields) };
    return { ...spec, initContainers: [root], containers: [main], volumes: [...volumes] };
  }
  // No task of such a worker needs root.
  const image = { reference: settings.preflightImage, pullPolicy: settings.imagePullPolicy };
  return {
    ...spec,
    containers: [
      {
        ...main,
        ...nobody(fields.securityContext, task.securityContext),
        volumeMounts: [{ name: "sidecar-image", mountPath: IMAGE_MOUNT, readOnly: true }],
      },
    ],
    volumes: [...volumes, { name: "sidecar-image", image }],
  };
}

/** It has to run to its end, and the preflight's image does not say whose it is. */
function nobody(
  pod: V1PodSecurityContext | undefined,
  container: V1SecurityContext | undefined,
): { securityContext?: V1SecurityContext } {
  const notRoot = container?.runAsNonRoot ?? pod?.runAsNonRoot ?? false;
  if (!notRoot || (container?.runAsUser ?? pod?.runAsUser) !== undefined) return {};
  return { securityContext: { ...container, runAsUser: NOBODY } };
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
