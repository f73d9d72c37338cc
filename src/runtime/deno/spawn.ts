/** Child processes under Deno. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { openOutputFile } from "../output-file.ts";
import type { Child, Command, TalkingChild } from "../spawn.ts";
import { deno } from "./deno-global.ts";
import { LineReader, lineOf } from "./json-lines.ts";
import { CHANNEL_DESCRIPTOR, CHANNEL_VARIABLE } from "./shim-channel.ts";
import { type ChildCommand, exitOf, startChild } from "./start-child.ts";

export function spawnDetached({ outputFile, ...command }: Command): Child {
  const child = startChild(writingTo(outputFile, command), {
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  return { pid: child.pid, exited: exitOf(child) };
}

/** Deno gives a child no open file: a shell opens it anew, by its name, and becomes the child. */
function writingTo(file: string | undefined, { argv, ...rest }: Omit<Command, "outputFile">): ChildCommand {
  if (file === undefined) return { argv, ...rest };
  closeSync(openOutputFile(file));
  return { argv: ["/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', file, ...argv], ...rest };
}

/** Where the runtime keeps its compiled sources: without, the child would have to find another place, or compile anew. */
const CACHE_VARIABLES = ["DENO_DIR", "XDG_CACHE_HOME", "HOME"] as const;

/** The runtime's own, for a child that is this program again: it asks nobody for a newer Deno, and puts no `node` on PATH. */
function runtimeVariables(): Readonly<Record<string, string>> {
  const found = CACHE_VARIABLES.map((name) => [name, deno.env.get(name)]).filter(([, value]) => value);
  return { ...Object.fromEntries(found), DENO_NO_UPDATE_CHECK: "1", DENO_DISABLE_NODE_SHIM: "1" };
}

export function spawnTalking(command: Command, onMessage: (message: unknown) => void): TalkingChild {
  const [program = "", ...args] = command.argv;
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: { ...runtimeVariables(), [CHANNEL_VARIABLE]: String(CHANNEL_DESCRIPTOR), ...command.env },
    // The last is a socket: see the other end.
    stdio: ["ignore", "inherit", "inherit", "pipe"],
    detached: true,
  });
  if (child.pid === undefined) return unstarted(child);
  const channel = child.stdio[CHANNEL_DESCRIPTOR];
  if (!(channel instanceof Socket)) throw new Error("Deno opened no channel to the child");
  const reader = new LineReader(onMessage);
  channel.on("data", (bytes: Buffer) => reader.push(bytes));
  // It fails when the child has died; `exited` tells that.
  channel.on("error", () => {});
  // Later errors are of signals to it.
  child.on("error", () => {});
  const exited = new Promise<number>((resolve) => {
    child.on("exit", (code, signal) => resolve(code ?? statusOf(signal)));
  });
  return {
    pid: child.pid,
    exited,
    disconnected: new Promise((resolve) => channel.on("close", () => resolve())),
    send: (message) => void channel.write(lineOf(message)),
    disconnect: () => void channel.end(),
    unref: () => {
      child.unref();
      channel.unref();
    },
  };
}

/** Why, Deno tells in a moment. */
function unstarted(child: ChildProcess): TalkingChild {
  return {
    pid: 0,
    exited: new Promise((_resolve, reject) => void child.on("error", reject)),
    disconnected: Promise.resolve(),
    send: () => {},
    disconnect: () => {},
    unref: () => {},
  };
}

/** Of a child whose end Deno tells neither way. */
const UNKNOWN_STATUS = 126;

function statusOf(signal: NodeJS.Signals | null): number {
  return signal === null ? UNKNOWN_STATUS : 128 + constants.signals[signal];
}
