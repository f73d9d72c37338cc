/** What a campaign has left in its namespace and on this host when its last worker was stopped: nothing may be. */
import type { LiveCluster } from "../../live-cluster.ts";
import { eventually } from "../../wait.ts";
import { journalIn, namesIn, processesOf } from "../leavings.ts";
import type { ClusterLeavings } from "./history.ts";

export interface ClusterPlaces {
  readonly cluster: LiveCluster;
  readonly namespace: string;
  /** In the environment or the command line of all that was started. */
  readonly dir: string;
  readonly temporary: string;
  /** The state folder of the worker id. */
  readonly state: string;
}

/** The cluster's own garbage collector takes its time, and so does a pod with its grace period. */
const GOES_WITHIN_MS = 20_000;
const LOOKS_EVERY_MS = 250;
const PREFLIGHT = /^oz-preflight-/;

export async function findLeavings(places: ClusterPlaces): Promise<ClusterLeavings> {
  const options = { timeoutMs: GOES_WITHIN_MS, intervalMs: LOOKS_EVERY_MS };
  await eventually(() => isClear(places), "nothing to be left in the cluster", options).catch(
    () => {}, // Then it is what is left.
  );
  return {
    ...(await inCluster(places)),
    processes: processesOf(places.dir),
    temporary: namesIn(places.temporary),
    journal: journalIn(places.state),
  };
}

/** Nothing is left in the cluster that may not stay there. */
export async function isClear(places: ClusterPlaces): Promise<boolean> {
  return Object.values(await inCluster(places)).every(({ length }) => length === 0);
}

type InCluster = Pick<ClusterLeavings, "jobs" | "pods" | "secrets" | "preflights">;

async function inCluster({ cluster, namespace }: ClusterPlaces): Promise<InCluster> {
  const { items } = await cluster.get("--namespace", namespace, "jobs,pods,secrets");
  const objects: readonly ClusterObject[] = items;
  const of = (kind: string) => objects.filter((object) => object.kind === kind);
  const uids = new Set(of("Job").map(({ metadata }) => metadata.uid));
  const isOwned = ({ metadata }: ClusterObject) =>
    (metadata.ownerReferences ?? []).some(({ uid }) => uids.has(uid));
  const jobs = of("Job").filter(({ metadata }) => !PREFLIGHT.test(metadata.name));
  return {
    jobs: jobs.filter((job) => !mayStay(job)).map(show),
    pods: of("Pod")
      .filter(({ status }) => status.phase !== "Succeeded" && status.phase !== "Failed")
      .map(show),
    secrets: of("Secret")
      .filter((secret) => !isOwned(secret))
      .map(show),
    preflights: of("Job")
      .filter(({ metadata }) => PREFLIGHT.test(metadata.name))
      .map(show),
  };
}

/** Docs/kubernetes.md, "How a task ends": "A failed one stays for its time to live", and is marked. */
function mayStay({ metadata, status }: ClusterObject): boolean {
  const hasFailed = (status.conditions ?? []).some(
    ({ type, status: is }) => type === "Failed" && is === "True",
  );
  return hasFailed && metadata.labels?.["oz-ended"] !== undefined;
}

function show({ kind, metadata, status }: ClusterObject): string {
  return `${kind} ${metadata.name} ${JSON.stringify({ labels: metadata.labels, status })}`;
}

/** As far as it is looked at. */
interface ClusterObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}
