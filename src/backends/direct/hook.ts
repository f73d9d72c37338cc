/** `setup_command` and `teardown_command`: the operator's own shell text, before and after each task. */
import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { firing } from "../../async/wait.ts";
import { codeOf, wordsOf } from "../../logging/words-of.ts";
import { startedAtNow } from "../../process/boot-clock.ts";
import { SIGKILLED } from "../../process/how-it-ended.ts";
import { NO_GROUP } from "../../process/process-table.ts";
import { killTree, type ProcessTree, stopTree } from "../../process/process-tree.ts";
import type { ShimClient, Supervised } from "../../process/shim/client.ts";
import { SHIM_KILLED, SpawnRefused } from "../../process/shim/refused.ts";
import { NO_MARK, Surveyor } from "../../process/stragglers.ts";
import type { Command } from "../../runtime/spawn.ts";
import { TaskFailure } from "../../task/backend.ts";
import { type Environment, HOOK_MARK_NAME } from "./environment.ts";

export interface HookTools {
  readonly shim: ShimClient;
  readonly surveyor: Surveyor;
  readonly graceMs: number;
  /** With the place for its output. */
  readonly kept: (command: Command) => Command;
}

export interface Hook {
  readonly command: string;
  readonly cwd: string;
  readonly env: Environment;
}

/**
 * The exit status, 128+signal for a signal. When `stop` fires the hook is ended gently and its status
 * is whatever that made it. It ends with the daemon, should that be killed, and with the shim.
 */
export async function runHook(
  hook: Hook,
  tools: HookTools,
  stop: AbortSignal,
  hurry: AbortSignal,
): Promise<number> {
  const process = await startHook(hook, tools);
  const tree: ProcessTree = {
    groupId: process.identity.pid,
    mark: NO_MARK,
    leaderExited: process.exited,
  };
  using stopped = firing(stop);
  using hurried = firing(hurry);
  try {
    await Promise.race([process.exited, stopped.fired, hurried.fired]);
    if (stop.aborted || hurry.aborted) await stopTree(tree, { ...tools, hurry });
    const exit = await process.exited;
    if (exit.kind === "exited") return exit.status;
    // What follows would have it beside it: its workspace goes, or another try comes.
    await stopTree(tree, { ...tools, hurry });
    // As it is taken to have ended when nobody was told.
    return SIGKILLED;
  } finally {
    process.acknowledge();
  }
}

async function startHook({ command, cwd, env }: Hook, { shim, kept }: HookTools): Promise<Supervised> {
  const since = startedAtNow();
  try {
    return await shim.spawn(kept({ argv: ["/bin/sh", "-c", command], cwd, env }), null);
  } catch (error) {
    if (!(error instanceof SpawnRefused) || error.code !== SHIM_KILLED) throw error;
    // It may have started before its shim was killed, and nobody has its pid.
    const mark = `${HOOK_MARK_NAME}=${env[HOOK_MARK_NAME]}`;
    const tree: ProcessTree = {
      groupId: NO_GROUP,
      mark,
      leaderExited: Promise.resolve(),
      // What setup left running for the task has the same mark.
      among: (found) => found.filter(({ startedAt }) => Number(startedAt) >= since),
    };
    await killTree(tree, new Surveyor([HOOK_MARK_NAME]));
    throw error;
  }
}

export function environmentFileIn(scratchDir: string): string {
  return join(scratchDir, "environment");
}

/** Made empty beforehand, so that a hook may append to it and nobody else may read it. Throws a TaskFailure (`workspace_setup`). */
export function makeEnvironmentFile(scratchDir: string): string {
  const file = environmentFileIn(scratchDir);
  try {
    writeFileSync(file, "", { mode: 0o600 });
    return file;
  } catch (error) {
    const message = `cannot make the file that $OZ_ENVIRONMENT_FILE names: ${wordsOf(error)}`;
    throw new TaskFailure("workspace_setup", message, { cause: error });
  }
}

/** More than any process could be started with. */
const MAX_ENVIRONMENT_BYTES = 4 * 1024 * 1024;

/** Empty when setup_command removed the file or wrote nothing. Throws when what is there cannot be variables. */
export async function readEnvironmentFile(file: string): Promise<Environment> {
  const text = readRegularFile(file);
  if (text === null) return {};
  const { parse } = await import("dotenv");
  const variables = Object.entries(parse(text)).filter(([, value]) => !value.includes("\0"));
  return Object.fromEntries(variables);
}

/** Null: it is not there. A pipe or a device that setup put in its place would hold the whole daemon for ever. */
function readRegularFile(file: string): Buffer | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new Error("it is not a regular file any more");
    if (found.size > MAX_ENVIRONMENT_BYTES)
      throw new Error(`it is larger than ${MAX_ENVIRONMENT_BYTES} bytes`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
