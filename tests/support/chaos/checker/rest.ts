/** What is left when all is over, and how the workers themselves fared. */
import { SHIM_COMMAND } from "../../../../src/cli/shim-command.ts";
import type { History } from "../history.ts";
import { isBeside } from "./begun-anew.ts";
import type { Conversation, Hearing, Violation } from "./conversation.ts";
import { checkExits } from "./exits.ts";
import type { Telling } from "./stories.ts";

export function checkRest(telling: Telling): Violation[] {
  return [...leavings(telling), ...checkExits(telling), ...complaints(telling)];
}

/** Of a worker that went while its journal was in memory nobody knows what it had: docs/protocol.md, "In-memory mode". */
function leavings(telling: Telling): Violation[] {
  const { history, stories, forgot } = telling;
  if (stories.some(forgot)) return [];
  const { exits, workspaces, temporary, processes, ...others } = history.left;
  const shared = stories.filter((story) => isLeftToAnother(story, telling));
  const isShared = (name: string) => shared.some(({ taskId }) => taskId === name);
  // Of which task those are their names do not tell.
  const unnamed =
    shared.length > 0 ? [] : [...temporary.map((name) => `temporary: ${name}`), ...exitsIn(exits, telling)];
  const names = [
    ...workspaces.filter((name) => !isShared(name)).map((name) => `workspaces: ${name}`),
    ...Object.entries(others).flatMap(([where, each]) => each.map((name) => `${where}: ${name}`)),
    ...processes.filter((name) => !isStoppedShim(name, telling)).map((name) => `processes: ${name}`),
    ...unnamed,
  ];
  return names.map((what) => ({ rule: "left", taskId: null, what }));
}

/**
 * Docs/direct.md, "Workspaces": of a killed worker's task that another one runs anew "the next worker then leaves that folder
 * alone", and "any other folder that was there before the task is used and never removed": each takes it for the other's. And of
 * the first one's row nothing is left where the second one's takes its place, neither its exit status nor its private folder.
 */
export function isLeftToAnother({ assigned }: Pick<Conversation, "assigned">, telling: Hearing): boolean {
  const given = new Set(assigned.map(({ worker }) => worker));
  const endOf = (worker: number) => telling.ends.find((end) => end.worker === worker)?.index ?? 0;
  return [...given].some((one) =>
    [...given].some(
      (other) => isBeside(one, other, telling) && endOf(other) < endOf(one) && endOf(other) > 0,
    ),
  );
}

/** Docs/direct.md, "When its helper is stopped or killed": the next worker wakes it "after an agent's end", for which it looks after one. */
export function isStoppedShim(name: string, { events }: Hearing): boolean {
  return name.includes(SHIM_COMMAND) && events.some(({ kind }) => kind === "shim-stopped");
}

/** Docs/protocol.md, "In-memory mode": what is kept for a crash in that time is kept until the journal is on disk again. */
export function exitsIn(exits: History["left"]["exits"], telling: Hearing): string[] {
  if (telling.workers.some(({ wasInMemory }) => wasInMemory)) return [];
  return exits
    .filter(({ at }) => !isJustEnded(at, telling))
    .map(({ name, at }) => `exits: ${name}, of ${at}`);
}

/** The worker tells its shim a moment after the report that the status is safe, and a stop may have to catch up before that. */
const ACKNOWLEDGED_WITHIN_MS = 750;

/**
 * Docs/operations.md, "State folder": a status "that nobody asks for any more" stays for a week, where the worker was killed, or
 * frozen and then killed, or told to end at once by a second signal, between the end and that moment.
 */
function isJustEnded(at: number, { workers, signals }: Hearing): boolean {
  const second = workers.flatMap(({ worker }) => signals("SIGTERM", worker).slice(1));
  return [...signals("SIGKILL"), ...signals("SIGSTOP"), ...second].some(
    (signal) => signal.at >= at - CLOCK_MS && signal.at <= at + ACKNOWLEDGED_WITHIN_MS,
  );
}

/** Between a file's time and this process's own. */
const CLOCK_MS = 20;

export function complaints({ workers }: Hearing): Violation[] {
  return workers.flatMap(({ worker, complaints }) =>
    complaints.map((line) => ({ rule: "log", taskId: null, what: `worker ${worker}: ${line}` })),
  );
}
