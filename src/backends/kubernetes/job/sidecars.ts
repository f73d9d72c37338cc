/** A task's sidecars as volumes: filled by an init container each, or the image itself. */
import { posix } from "node:path";
import type { V1Container, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { Assignment, Sidecar } from "../../../protocol/assignment.ts";
import { TaskFailure } from "../../../task/backend.ts";
import { listSidecars } from "../../../task/sidecars.ts";
import { COPY_SCRIPT, COPY_TARGET } from "./copy-script.ts";
import { literal } from "./expansion.ts";
import { WORKSPACE } from "./variables.ts";

export interface SidecarParts {
  readonly volumes: readonly V1Volume[];
  readonly initContainers: readonly V1Container[];
  /** For the container `task`. */
  readonly mounts: readonly V1VolumeMount[];
}

/** Throws TaskFailure `sidecar_prep`. */
export function sidecarParts(
  assignment: Assignment,
  settings: KubernetesSettings,
  rootContext: V1Container["securityContext"],
): SidecarParts {
  const sidecars = sidecarsOf(assignment, settings);
  for (const sidecar of sidecars) refuseUnmountable(sidecar, settings);
  if (settings.useImageVolumes) return imageVolumes(sidecars, settings);
  return {
    volumes: sidecars.map((_, at) => ({ name: dataVolume(at), emptyDir: {} })),
    initContainers: sidecars.map(({ image }, at) => ({
      name: `copy-sidecar-${at}`,
      image,
      imagePullPolicy: settings.imagePullPolicy,
      command: ["/bin/sh", "-c", literal(COPY_SCRIPT)],
      ...(rootContext === undefined ? {} : { securityContext: rootContext }),
      volumeMounts: [{ name: dataVolume(at), mountPath: COPY_TARGET }],
    })),
    mounts: sidecars.map(({ mountPath, readWrite }, at) => mount(dataVolume(at), mountPath, !readWrite)),
  };
}

function imageVolumes(sidecars: readonly Sidecar[], { imagePullPolicy }: KubernetesSettings): SidecarParts {
  return {
    volumes: sidecars.map(({ image }, at) => ({
      name: imageVolume(at),
      image: { reference: image, pullPolicy: imagePullPolicy },
    })),
    initContainers: [],
    mounts: sidecars.map(({ mountPath }, at) => mount(imageVolume(at), mountPath, true)),
  };
}

function dataVolume(at: number): string {
  return `sidecar-${at}-data`;
}

function imageVolume(at: number): string {
  return `sidecar-${at}-image`;
}

function mount(name: string, mountPath: string, readOnly: boolean): V1VolumeMount {
  return readOnly ? { name, mountPath, readOnly } : { name, mountPath };
}

/** The server's, with the operator's images in place of the agent's and of the harness's own tool. */
function sidecarsOf(assignment: Assignment, settings: KubernetesSettings): readonly Sidecar[] {
  const sidecars = listSidecars({
    ...assignment,
    sidecarImage: settings.sidecarImage ?? assignment.sidecarImage,
  }).map((sidecar) => ({ ...sidecar, mountPath: plainPath(sidecar.mountPath) }));
  const harness = assignment.task.snapshot?.harness ?? "";
  const image = Object.hasOwn(settings.codingCliSidecars, harness)
    ? settings.codingCliSidecars[harness]
    : null;
  if (image === null || image === undefined) return sidecars;
  const mountPath = `/mnt/${harness}-cli-sidecar`;
  if (!sidecars.some((sidecar) => sidecar.mountPath === mountPath)) {
    return [...sidecars, { image, mountPath, readWrite: false }];
  }
  return sidecars.map((sidecar) => (sidecar.mountPath === mountPath ? { ...sidecar, image } : sidecar));
}

/** `//workspace/` is `/workspace`. */
function plainPath(path: string): string {
  const plain = path.replace(/\/+/g, "/");
  return plain.length > 1 ? plain.replace(/\/$/, "") : plain;
}

function refuseUnmountable({ image, mountPath, readWrite }: Sidecar, settings: KubernetesSettings): void {
  // The kubelet makes all of `workspace`, `/workspace/.` and `/x/../workspace` that.
  if (posix.resolve("/", mountPath) === WORKSPACE) {
    throw unusable(`"${image}" wants to be mounted at ${WORKSPACE}, which is the task's own folder`);
  }
  if (settings.useImageVolumes && readWrite) {
    throw unusable(
      `"${image}" wants to be written to at "${mountPath}", and an image volume is read-only; switch backend.kubernetes.use_image_volumes off`,
    );
  }
}

function unusable(why: string): TaskFailure {
  return new TaskFailure("sidecar_prep", `cannot use a sidecar: ${why}`);
}
