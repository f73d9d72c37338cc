/** The program that an engine is: by itself in its group, its words in the log of its folder. */
import { closeSync, openSync } from "node:fs";
import { becomes } from "./service.ts";
import { FOLDER_MARK, type ServiceFolder } from "./service-folder.ts";

export interface DaemonOptions {
  /** As people know it. */
  readonly name: string;
  readonly folder: ServiceFolder;
  readonly argv: readonly string[];
  /** All of its environment but the mark of the folder. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it answers as Docker's engine does. */
  readonly socket: string;
}

const START_TIMEOUT_MS = 30_000;
/** Its containers may take their ten seconds first. */
export const STOP_TIMEOUT_MS = 20_000;

export class Daemon {
  readonly #options: DaemonOptions;
  #process: Bun.Subprocess | null = null;

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const { name, folder, argv, env } = this.#options;
    const log = openSync(folder.join("log"), "a");
    try {
      this.#process = Bun.spawn([...argv], {
        cwd: folder.path,
        env: { ...env, [FOLDER_MARK]: folder.path },
        stdio: ["ignore", log, log],
        // Signals to the group of the tests are not for it.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    const up = await becomes(async () => !this.running || (await this.#answers()), START_TIMEOUT_MS);
    if (up && this.running) return;
    throw new Error(`${name} did not start; its log ends with:\n${await this.#logTail()}`);
  }

  /** To the program alone. Nothing where it does not run. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#process?.kill(signal);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    process.kill(signal);
    const killer = setTimeout(() => process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await process.exited;
    clearTimeout(killer);
    this.#process = null;
  }

  async #logTail(): Promise<string> {
    const text = await Bun.file(this.#options.folder.join("log")).text();
    return text.trimEnd().split("\n").slice(-15).join("\n");
  }

  async #answers(): Promise<boolean> {
    try {
      const timeout = AbortSignal.timeout(2_000);
      const response = await fetch("http://docker/_ping", { unix: this.#options.socket, signal: timeout });
      return response.ok;
    } catch {
      return false;
    }
  }
}
