/** Jobs, pods and events as the API server shows them, for tests of what is concluded from them. */
import type {
  CoreV1Event,
  V1ContainerStatus,
  V1Job,
  V1JobCondition,
  V1Pod,
  V1PodCondition,
} from "@kubernetes/client-node";
import type { JobView } from "../../../../src/backends/kubernetes/verdict/view.ts";

export const NOW = Date.parse("2026-03-01T12:00:00Z");
export const JOB_NAME = "oz-task-t-1-exec-e-1";

/** `secondsAgo` before NOW. */
export function ago(secondsAgo: number): Date {
  return new Date(NOW - secondsAgo * 1000);
}

export interface JobFields {
  readonly conditions?: readonly Partial<V1JobCondition>[];
  readonly activeDeadlineSeconds?: number;
  readonly startedAgo?: number;
}

export function job({ conditions = [], activeDeadlineSeconds, startedAgo = 60 }: JobFields = {}): V1Job {
  return {
    metadata: { name: JOB_NAME, namespace: "agents", uid: "job-uid", creationTimestamp: ago(startedAgo) },
    spec: {
      template: {},
      ...(activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds }),
    },
    status: {
      startTime: ago(startedAgo),
      conditions: conditions.map((fields) => ({ type: "", status: "True", ...fields })),
    },
  };
}

export interface PodFields {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly Partial<V1PodCondition>[];
  readonly init?: readonly V1ContainerStatus[];
  readonly main?: readonly V1ContainerStatus[];
  /** Names of the init containers that go on beside the others. */
  readonly lasting?: readonly string[];
  readonly beingDeleted?: boolean;
  /** It is being deleted, and its grace was over so many seconds ago. */
  readonly goneSince?: number;
  readonly createdAgo?: number;
}

export function pod(fields: PodFields = {}): V1Pod {
  const { phase = "Running", reason, message, init = [], main = [], lasting = [] } = fields;
  return {
    metadata: {
      name: "pod-1",
      uid: "pod-uid",
      creationTimestamp: ago(fields.createdAgo ?? 60),
      ...(fields.beingDeleted || fields.goneSince !== undefined
        ? { deletionTimestamp: ago(fields.goneSince ?? 0) }
        : {}),
    },
    spec: {
      containers: main.map(({ name }) => ({ name })),
      initContainers: init.map(({ name }) => ({
        name,
        ...(lasting.includes(name) ? { restartPolicy: "Always" } : {}),
      })),
    },
    status: {
      phase,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      conditions: (fields.conditions ?? []).map((condition) => ({ type: "", status: "True", ...condition })),
      initContainerStatuses: [...init],
      containerStatuses: [...main],
    },
  };
}

function status(name: string, state: V1ContainerStatus["state"]): V1ContainerStatus {
  return { name, image: "i", imageID: "", ready: false, restartCount: 0, ...(state ? { state } : {}) };
}

export function running(name = "task"): V1ContainerStatus {
  return status(name, { running: {} });
}

export function waiting(reason: string, message = "", name = "task"): V1ContainerStatus {
  return status(name, { waiting: { reason, ...(message === "" ? {} : { message }) } });
}

export interface EndFields {
  readonly name?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly signal?: number;
  readonly finishedAgo?: number;
}

export function ended(exitCode: number, fields: EndFields = {}): V1ContainerStatus {
  const { name = "task", reason = exitCode === 0 ? "Completed" : "Error", finishedAgo = 1 } = fields;
  const { message, signal } = fields;
  return status(name, {
    terminated: {
      exitCode,
      reason,
      finishedAt: ago(finishedAgo),
      ...(message === undefined ? {} : { message }),
      ...(signal === undefined ? {} : { signal }),
    },
  });
}

export function event(fields: {
  readonly reason: string;
  readonly message?: string;
  readonly of?: string;
  readonly firstAgo?: number;
  readonly lastAgo?: number;
}): CoreV1Event {
  const { reason, message = "", of = "pod-uid", firstAgo = 1, lastAgo = firstAgo } = fields;
  return {
    metadata: {},
    involvedObject: { uid: of },
    reason,
    message,
    firstTimestamp: ago(firstAgo),
    lastTimestamp: ago(lastAgo),
  };
}

export function view(fields: Partial<JobView> = {}): JobView {
  return {
    jobName: JOB_NAME,
    namespace: "agents",
    job: job(),
    pods: [],
    formerPods: [],
    events: null,
    nowMs: NOW,
    readySinceMs: 0,
    unschedulableTimeoutMs: 30_000,
    ...fields,
  };
}
