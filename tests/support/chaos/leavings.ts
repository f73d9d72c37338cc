/** What a campaign has left when its last worker was stopped: nothing may be. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { eventually } from "../wait.ts";
import type { Leavings } from "./history.ts";

export interface Places {
  /** In the environment, the command line or the output of all that was started. */
  readonly dir: string;
  readonly workspaces: string;
  readonly temporary: string;
  /** Of the worker id. */
  readonly state: string;
}

/** A shim ends after its worker, and what was killed takes its moment. */
const ENDS_WITHIN_MS = 8_000;

export async function findLeavings(places: Places): Promise<Leavings> {
  const processes = () => processesOf(places.dir);
  await eventually(() => processes().length === 0, "all processes to end", {
    timeoutMs: ENDS_WITHIN_MS,
  }).catch(
    () => {}, // Then they are what is left.
  );
  return {
    processes: processes(),
    workspaces: namesIn(places.workspaces),
    temporary: namesIn(places.temporary),
    state: ["claims", "discards"].flatMap((folder) =>
      namesIn(join(places.state, folder)).map((name) => `${folder}/${name}`),
    ),
    exits: namesIn(join(places.state, "exits")).map((name) => ({
      name,
      at: lstatSync(join(places.state, "exits", name)).mtimeMs,
    })),
    journal: journalIn(places.state),
  };
}

/** Executions that have not ended, and frames that are owed. `state`: of a worker id. */
export function journalIn(state: string): string[] {
  return namesIn(state)
    .filter((name) => /^slot-\d+\.db$/.test(name))
    .flatMap((name) => openRows(join(state, name)));
}

/** `dir`: in the environment, the command line or the output of each. */
export function processesOf(dir: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => `${textOf(pid, "cmdline")}\0${textOf(pid, "environ")}\0${outputOf(pid)}`.includes(dir))
    .map((pid) => `${pid} (${textOf(pid, "cmdline").replaceAll("\0", " ").trim()})`);
}

/** A shim has neither arguments nor an environment of its own, and writes to its worker's log. */
function outputOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/2`);
  } catch {
    return "";
  }
}

/** Empty for one that has ended. */
function textOf(pid: string, name: "cmdline" | "environ"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

export function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : [];
}

function openRows(file: string): string[] {
  const database = new DatabaseSync(file);
  try {
    const running = database
      .prepare("SELECT task_id, execution_id FROM executions WHERE ended_at IS NULL")
      .all();
    const owed = database.prepare("SELECT frame FROM outbox").all();
    return [
      ...running.map((row) => `${row["task_id"]} ${row["execution_id"]} has not ended`),
      ...owed.map((row) => `owed: ${row["frame"]}`),
    ];
  } finally {
    database.close();
  }
}
