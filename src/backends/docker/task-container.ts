/** The container of one task, as the engine is asked to create it. Pure. */
import type { ContainerLimits, ContainerSecurity, DockerSettings } from "../../config/settings.ts";
import type { ExecutionRef } from "../../journal/execution.ts";
import type { TaskSpec } from "../../task/prepare.ts";
import type { ContainerBody, HostConfig, Mount } from "./engine/container-body.ts";
import { LABELS, type Labels, type Role } from "./labels.ts";

export const ENTRYPOINT = "/agent/entrypoint.sh";
const WORKING_DIR = "/workspace";
const GIB = 2 ** 30;

/** How one sidecar gets into the container. */
export type SidecarMount =
  | {
      readonly kind: "volume";
      readonly volume: string;
      readonly mountPath: string;
      readonly readOnly: boolean;
      /** What the volume's label has to say once the container holds it. */
      readonly filling: string;
    }
  | { readonly kind: "image"; readonly image: string; readonly mountPath: string };

export interface TaskContainer {
  readonly task: TaskSpec;
  readonly image: string;
  readonly sidecars: readonly SidecarMount[];
  readonly settings: Pick<DockerSettings, "volumes" | "network" | "defaultLimits" | "security">;
  readonly labels: Labels;
}

export function buildContainer({
  task,
  image,
  sidecars,
  settings: { volumes, network, defaultLimits, security },
  labels,
}: TaskContainer): ContainerBody {
  const { vcpus, memoryGb } = task.assignment.instanceShape;
  return {
    Image: image,
    // The entrypoint is the image's own affair.
    Cmd: [ENTRYPOINT, ...task.argv],
    Env: Object.entries(task.environment).map(([name, value]) => `${name}=${value}`),
    WorkingDir: WORKING_DIR,
    Labels: labels,
    HostConfig: {
      Binds: [...sidecars.flatMap(bindOf), ...volumes.map(({ spec }) => spec)],
      ...mountsOf(sidecars),
      ...limitsOf({
        vcpus: vcpus > 0 ? vcpus : defaultLimits.vcpus,
        memoryGb: memoryGb > 0 ? memoryGb : defaultLimits.memoryGb,
      }),
      ...(network === null ? {} : { NetworkMode: network }),
      ...securityOf(security),
    },
  };
}

function bindOf(sidecar: SidecarMount): readonly string[] {
  if (sidecar.kind !== "volume") return [];
  return [`${sidecar.volume}:${sidecar.mountPath}${sidecar.readOnly ? ":ro" : ""}`];
}

function mountsOf(sidecars: readonly SidecarMount[]): Pick<HostConfig, "Mounts"> {
  const mounts = sidecars.flatMap((sidecar): readonly Mount[] =>
    sidecar.kind === "image"
      ? [{ Type: "image", Source: sidecar.image, Target: sidecar.mountPath, ReadOnly: true }]
      : [],
  );
  return mounts.length === 0 ? {} : { Mounts: mounts };
}

/** Without swap beside it, a limit of memory is one. */
function limitsOf({ vcpus, memoryGb }: ContainerLimits): HostConfig {
  const memory = Math.round(memoryGb * GIB);
  return {
    ...(vcpus > 0 ? { NanoCpus: Math.round(vcpus * 1e9) } : {}),
    ...(memory > 0 ? { Memory: memory, MemorySwap: memory } : {}),
  };
}

function securityOf({ noNewPrivileges, pidsLimit, capDrop, runtime }: ContainerSecurity): HostConfig {
  return {
    ...(noNewPrivileges ? { SecurityOpt: ["no-new-privileges"] } : {}),
    ...(pidsLimit === null ? {} : { PidsLimit: pidsLimit }),
    ...(capDrop.length === 0 ? {} : { CapDrop: capDrop }),
    ...(runtime === null ? {} : { Runtime: runtime }),
  };
}

export function taskLabels({ taskId, executionId }: ExecutionRef): Labels {
  const role: Role = "task";
  return { [LABELS.role]: role, [LABELS.taskId]: taskId, [LABELS.executionId]: executionId };
}

const LONGEST_ID_PART = 40;
/** Of the names of all containers that a worker makes. */
export const NAME_PREFIX = "oz-worker-";

/** Readable in a list of containers, and taken by no other: the name is known before the container is. */
export function nameContainer(taskId: string): string {
  const readable = taskId
    .replace(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[-.]+/, "")
    .slice(0, LONGEST_ID_PART);
  return `${NAME_PREFIX}${readable === "" ? "task" : readable}-${crypto.randomUUID().slice(0, 8)}`;
}

const KEPT = "-ended";

export function keptNameOf(container: string): string {
  return `${container}${KEPT}`;
}

/** Of an ended container that stays for the operator to look at. */
export function isKept(name: string): boolean {
  return name.endsWith(KEPT);
}
