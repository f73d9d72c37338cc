/** What a campaign has left when its last worker was stopped: nothing may be, but for what docs/docker.md has stay. */
import { readdirSync, readFileSync } from "node:fs";
import { LABELS } from "../../../../src/backends/docker/labels.ts";
import type { DockerApi } from "../../live-docker-api.ts";
import { eventually } from "../../wait.ts";
import { journalIn, namesIn, processesOf } from "../leavings.ts";
import type { DockerLeavings } from "./history.ts";

export interface DockerPlaces {
  readonly api: DockerApi;
  /** Mounted into each agent's container, and nowhere else. */
  readonly control: string;
  /** In the environment or the command line of each worker. */
  readonly dir: string;
  readonly temporary: string;
  /** Of the worker id. */
  readonly state: string;
}

/** A worker that has just started looks at all that there is, and removes one after the other. */
const CLEARED_WITHIN_MS = 8_000;
/** Docs/docker.md, "What the worker leaves in the engine". */
const STAYING: ReadonlySet<string> = new Set(["sidecar", "sidecar-complete", "reported"]);

/** Once all workers have exited. */
export async function findLeavings(places: DockerPlaces): Promise<DockerLeavings> {
  return {
    ...(await findInEngine(places)),
    processes: processesOf(places.dir),
    temporary: namesIn(places.temporary),
    journal: journalIn(places.state),
  };
}

/** Until nothing is left in the engine; what stays for long is found by `findLeavings`. */
export async function waitUntilCleared(places: DockerPlaces): Promise<void> {
  const isClear = async () => Object.values(await findInEngine(places)).every((each) => each.length === 0);
  await eventually(isClear, "the engine to be empty", {
    timeoutMs: CLEARED_WITHIN_MS,
    intervalMs: 100,
  }).catch(() => {});
}

type InEngine = Pick<DockerLeavings, "containers" | "volumes" | "anonymousVolumes" | "agents">;

async function findInEngine({ api, control }: DockerPlaces): Promise<InEngine> {
  const volumes = (await api.volumes()).filter(({ Labels }) => !STAYING.has(Labels?.[LABELS.role] ?? ""));
  const isAnonymous = (name: string) => /^[0-9a-f]{64}$/.test(name);
  return {
    containers: (await api.containers()).map(({ Names, State }) => `${Names} (${State})`),
    volumes: volumes.filter(({ Name }) => !isAnonymous(Name)).map(({ Name }) => Name),
    anonymousVolumes: volumes.filter(({ Name }) => isAnonymous(Name)).map(({ Name }) => Name),
    agents: agentsWith(control),
  };
}

/** Podman keeps no control group of its own for the containers of one engine. */
function agentsWith(control: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => textOf(pid, "mountinfo").includes(`${control} /control `))
    .map((pid) => `${pid} (${textOf(pid, "cmdline").replaceAll("\0", " ").trim()})`);
}

/** Empty for one that has ended. */
function textOf(pid: string, name: "mountinfo" | "cmdline"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
