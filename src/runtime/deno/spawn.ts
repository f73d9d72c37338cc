/** Child processes under Deno. */
import { spawn } from "node:child_process";
import type { Child, Command, TalkingChild } from "../spawn.ts";
import { deno } from "./deno-global.ts";
import { READY } from "./shim-channel.ts";
import { exitOf, startChild } from "./start-child.ts";

export function spawnDetached(command: Command): Child {
  const child = startChild(command, { stdin: "null", stdout: "inherit", stderr: "inherit" });
  return { pid: child.pid, exited: exitOf(child) };
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
    env: { ...runtimeVariables(), ...command.env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
    serialization: "json",
  });
  const queue = new SendQueue((message) => void child.send(message, () => {}));
  child.on("message", (message) => {
    if (message === READY) queue.open();
    else onMessage(message);
  });
  const exited = new Promise<number>((resolve) => {
    child.on("exit", (code) => resolve(code ?? LOST));
    // It never started. Whoever waits for its answers is told by its end.
    child.on("error", () => resolve(LOST));
  });
  return {
    pid: child.pid ?? 0,
    exited,
    send: (message) => queue.push(message),
    disconnect: () => child.disconnect(),
    unref: () => child.unref(),
  };
}

/** What a shell says of a program that it could not run, and we of one whose status nobody reads. */
const LOST = 126;

/** Keeps what is said to the child until that listens. */
class SendQueue {
  readonly #send: (message: object) => void;
  #waiting: object[] | null = [];

  /** @param send may fail, when the child has died; `exited` tells that */
  constructor(send: (message: object) => void) {
    this.#send = send;
  }

  push(message: object): void {
    if (this.#waiting === null) this.#send(message);
    else this.#waiting.push(message);
  }

  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const message of waiting) this.#send(message);
  }
}
