/**
 * Child processes, by Bun.spawn. The environment is always explicit: left out, Bun gives the child
 * the one that this process had at its start, changed since or not.
 */
import { closeSync } from "node:fs";
import { openOutputFile } from "./output-file.ts";

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A file to whose end it writes, instead of this process's own output. */
  readonly outputFile?: string;
}

export interface Child {
  readonly pid: number;
  /** The exit status, 128+signal for a signal. */
  readonly exited: Promise<number>;
}

/**
 * The child leads a session and process group of its own, reads nothing, and writes straight to this
 * process's own output, or to its file. Throws the system's error (ENOENT, EACCES, E2BIG…), or openOutputFile's.
 */
export function spawnDetached(command: Command): Child {
  if (command.outputFile === undefined) return spawnWritingTo("inherit", command);
  const file = openOutputFile(command.outputFile);
  try {
    return spawnWritingTo(file, command);
  } finally {
    closeSync(file);
  }
}

function spawnWritingTo(output: "inherit" | number, { argv, cwd, env }: Command): Child {
  return Bun.spawn([...argv], {
    cwd,
    env: { ...env },
    stdio: ["ignore", output, output],
    detached: true,
  });
}

export interface TalkingChild extends Child {
  /** Nothing more will be heard of it. It may be so before `exited` or after it. */
  readonly disconnected: Promise<void>;
  /** Never throws: what is sent to one that is disconnected is lost. */
  send(message: object): void;
  disconnect(): void;
  /** Lets this process end although the child still runs. */
  unref(): void;
}

/**
 * The runtime begins its helpers when it first has use for them: at the first collection of garbage, a second after the
 * start, or when code has become hot. One that the system refuses it then, for agents have used up what the service may
 * have, ends the whole process, and with the shim go the exit statuses of all agents. It has little to do: it needs none.
 */
const WITHOUT_HELPERS = {
  BUN_JSC_numberOfGCMarkers: "1",
  BUN_JSC_useConcurrentGC: "0",
  BUN_JSC_useConcurrentJIT: "0",
};

/**
 * A detached child of this program's own kind that exchanges JSON messages with this process. Throws the system's error;
 * a runtime that is told of it only later rejects `exited` with it.
 */
export function spawnTalking(command: Command, onMessage: (message: unknown) => void): TalkingChild {
  const disconnected = Promise.withResolvers<void>();
  const child = Bun.spawn([...command.argv], {
    cwd: command.cwd,
    env: { ...command.env, ...WITHOUT_HELPERS },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
    serialization: "json",
    ipc: onMessage,
    onDisconnect: () => disconnected.resolve(),
  });
  return {
    pid: child.pid,
    exited: child.exited,
    disconnected: disconnected.promise,
    send: (message) => {
      try {
        child.send(message);
      } catch {
        // Its channel is closed a moment before its death is told; `exited` follows.
      }
    },
    disconnect: () => child.disconnect(),
    unref: () => child.unref(),
  };
}
