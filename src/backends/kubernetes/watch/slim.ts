/**
 * What is kept of a Job or a pod: as little as the verdict and the take-over need, so that hundreds of
 * them cost little. From the API's JSON or from client-node, with dates as client-node's types have them.
 */
import type { V1Job, V1Pod } from "@kubernetes/client-node";

type Json = Readonly<Record<string, unknown>>;

const METADATA = [
  "name",
  "uid",
  "resourceVersion",
  "labels",
  "creationTimestamp",
  "deletionTimestamp",
] as const;
const JOB_METADATA = [...METADATA, "annotations"] as const;
/** A pod's annotations are others' and may be large; its owner tells of which Job it is. */
const POD_METADATA = [...METADATA, "ownerReferences"] as const;

const DATES: ReadonlySet<string> = new Set([
  "creationTimestamp",
  "deletionTimestamp",
  "startTime",
  "completionTime",
  "lastTransitionTime",
  "lastProbeTime",
  "startedAt",
  "finishedAt",
]);

export function slimJob(json: unknown): V1Job {
  const { metadata, spec, status } = record(json);
  const slim: unknown = {
    metadata: withDates({ uid: "", ...pick(record(metadata), JOB_METADATA) }),
    spec: pick(record(spec), ["activeDeadlineSeconds", "suspend"]),
    status: withDates(
      pick(record(status), ["conditions", "startTime", "completionTime", "active", "failed", "succeeded"]),
    ),
  };
  return slim as V1Job;
}

export function slimPod(json: unknown): V1Pod {
  const { metadata, spec, status } = record(json);
  const { containers, initContainers, ...plain } = pick(record(spec), [
    "nodeName",
    "terminationGracePeriodSeconds",
    "containers",
    "initContainers",
  ]);
  const slim: unknown = {
    metadata: withDatesIn(pick(record(metadata), POD_METADATA)),
    spec: {
      ...plain,
      containers: list(containers).map((container) => pick(container, ["name", "image"])),
      ...(initContainers === undefined
        ? {}
        : {
            initContainers: list(initContainers).map((container) =>
              pick(container, ["name", "image", "restartPolicy"]),
            ),
          }),
    },
    status: withDates(
      pick(record(status), [
        "phase",
        "reason",
        "message",
        "conditions",
        "startTime",
        "containerStatuses",
        "initContainerStatuses",
      ]),
    ),
  };
  return slim as V1Pod;
}

/** Empty for what has none. */
export function metadataOf(json: unknown): Json {
  return record(record(json)["metadata"]);
}

function pick(from: Json, names: readonly string[]): Json {
  const kept: Record<string, unknown> = {};
  for (const name of names) if ((from[name] ?? null) !== null) kept[name] = from[name];
  return kept;
}

/** Texts become dates where the API has dates, at any depth, and a null is left out: it says no more than nothing does. */
function withDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withDates);
  return typeof value === "object" && value !== null ? withDatesIn(value as Json) : value;
}

function withDatesIn(json: Json): Json {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    // The server writes null for a time that it does not know.
    if (value === null) continue;
    if (!DATES.has(name)) result[name] = withDates(value);
    else if (typeof value === "string") result[name] = new Date(value);
    else if (value instanceof Date) result[name] = value;
  }
  return result;
}

function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(record) : [];
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}
