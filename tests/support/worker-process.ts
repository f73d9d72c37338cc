/** The program under test, as a child: the compiled file when there is one, else the sources. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { ControlPlane } from "../../src/dev/control-plane.ts";
import { TempDir } from "./temp-dir.ts";
import { within } from "./wait.ts";

export interface WorkerOptions {
  /** Where it connects to; unset: `--web-socket-url` is left to `flags`. */
  readonly plane?: ControlPlane;
  /** Sent as WARP_API_KEY; null: without a key. `test-key` unless told. */
  readonly apiKey?: string | null;
  /** The text of a configuration file. */
  readonly config?: string;
  readonly flags?: readonly string[];
  /** Over a small environment that has nothing of the test's own but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Given as STATE_DIRECTORY; a folder of this process's own unless told, which a restart has to be told. */
  readonly stateDir?: string;
  readonly cwd?: string;
  /** Instead of the program found by `workerCommand`. */
  readonly command?: readonly string[];
  /** The descriptor of its log, which is then not to be seen here; a socket that is read unless told. */
  readonly logDescriptor?: number;
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe" | number>;

export const TEST_API_KEY = "test-key";
const KEPT_OUTPUT_CHARACTERS = 4 * 1024 * 1024;
const STOP_TIMEOUT_MS = 10_000;

export const READY = /worker ready/;
/** The journal is opened while the handshake is on its way: either may be the later one. */
export const CONNECTED = [/connected to the control plane/, READY] as const;

const repository = resolve(import.meta.dir, "../..");

/** OZ_TEST_BINARY, else dist/oz-agent-worker where it was built, else `bun src/main.ts`. */
export function workerCommand(): readonly string[] {
  const told = process.env["OZ_TEST_BINARY"];
  if (told) return [resolve(told)];
  const built = resolve(repository, "dist/oz-agent-worker");
  return existsSync(built) ? [built] : [process.execPath, resolve(repository, "src/main.ts")];
}

/** Before a command: as the same user without the powers of root. */
export const UNPRIVILEGED = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] as const;

export class WorkerProcess implements AsyncDisposable {
  /** The exit status; 128 + n after signal n. */
  readonly exited: Promise<number>;
  readonly #child: Child;
  readonly #dir: TempDir;
  readonly #stdout = new OutputText();
  readonly #stderr = new OutputText();
  readonly #outputEnded: Promise<unknown>;

  private constructor(child: Child, dir: TempDir) {
    this.#child = child;
    this.#dir = dir;
    this.exited = child.exited;
    this.#outputEnded = Promise.all([
      this.#stdout.follow(child.stdout),
      child.stderr instanceof ReadableStream ? this.#stderr.follow(child.stderr) : null,
    ]);
  }

  static async start(options: WorkerOptions): Promise<WorkerProcess> {
    const dir = await TempDir.create("worker");
    const home = await dir.mkdir("home");
    const argv = [...(options.command ?? workerCommand()), ...(options.flags ?? [])];
    if (options.plane) argv.push("--web-socket-url", options.plane.webSocketUrl);
    if (options.config !== undefined)
      argv.push("--config-file", await dir.write("worker.yaml", options.config));
    const apiKey = options.apiKey === undefined ? TEST_API_KEY : options.apiKey;
    const child = Bun.spawn(argv, {
      cwd: options.cwd ?? dir.path,
      stdin: "ignore",
      stdout: "pipe",
      stderr: options.logDescriptor ?? "pipe",
      env: {
        PATH: process.env["PATH"] ?? "/usr/bin:/bin",
        HOME: home,
        TMPDIR: await dir.mkdir("tmp"),
        // The state folder by its variable, so that a test of --state-dir can still give that.
        STATE_DIRECTORY: options.stateDir ?? dir.join("state"),
        ...(apiKey === null ? {} : { WARP_API_KEY: apiKey }),
        ...options.env,
      },
    });
    return new WorkerProcess(child, dir);
  }

  /** The same, once each of these stands in its log. One that does not come so far is ended: nobody else would. */
  static async startUntil(
    options: WorkerOptions,
    lines: readonly RegExp[],
    timeoutMs?: number,
  ): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(options);
    try {
      for (const line of lines) await worker.waitForLog(line, timeoutMs);
      return worker;
    } catch (error) {
      await worker[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** Its temporary folder, which goes with it. */
  get dir(): TempDir {
    return this.#dir;
  }

  /** The first match in its log (standard error), what was written before included. */
  waitForLog(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.#stderr.waitFor(pattern, timeoutMs);
  }

  waitForStdout(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.#stdout.waitFor(pattern, timeoutMs);
  }

  /** Only this process; its tasks are none of the test's business. */
  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** The exit status after all output was read: an agent that has its pipes open is not waited for. */
  async finished(timeoutMs?: number): Promise<number> {
    const what = () => `the worker to exit; its log ends with:\n${this.stderr.slice(-2_000)}`;
    const status = await within(this.exited, what, timeoutMs);
    await within(this.#outputEnded, "the end of output", 1_000).catch(() => {});
    return status;
  }

  stop(signal: NodeJS.Signals = "SIGTERM", timeoutMs?: number): Promise<number> {
    this.kill(signal);
    return this.finished(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGTERM");
    const killer = setTimeout(() => this.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(killer);
    await this.#dir[Symbol.asyncDispose]();
  }
}

/** The end of a stream's text, and waiting for something to appear in it. */
class OutputText {
  text = "";
  #ended = false;
  readonly #waiting = new Set<() => void>();

  async follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.text += decoder.decode(bytes, { stream: true });
      // Rarely, not at each piece: a test may let an agent print 200 MB.
      if (this.text.length > 2 * KEPT_OUTPUT_CHARACTERS) this.text = this.text.slice(-KEPT_OUTPUT_CHARACTERS);
      this.#look();
    }
    this.#ended = true;
    this.#look();
  }

  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const match = new RegExp(pattern.source, pattern.flags.replace("g", "")).exec(this.text);
      if (match) resolve(match);
      else if (this.#ended)
        reject(new Error(`The output ended without ${pattern}:\n${this.text.slice(-2_000)}`));
    };
    this.#waiting.add(look);
    look();
    const what = () => `${pattern} in the output, which ends with:\n${this.text.slice(-2_000)}`;
    return within(promise, what, timeoutMs).finally(() => this.#waiting.delete(look));
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
