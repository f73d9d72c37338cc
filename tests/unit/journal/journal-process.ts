/** Starts journal-child.ts and follows it. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Opened, Step } from "./journal-child.ts";

const CHILD = new URL("./journal-child.ts", import.meta.url).pathname;

export class JournalProcess implements AsyncDisposable {
  /** 137 after SIGKILL. */
  readonly exited: Promise<number>;
  readonly opened: Opened;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">, opened: Opened) {
    this.#child = child;
    this.exited = child.exited;
    this.opened = opened;
  }

  /** Resolves when its journal is open; with a step `hold`, when it has come to that. `under`: a program that starts it. */
  static async start(
    stateDir: string,
    steps: readonly Step[],
    under: readonly string[] = [],
  ): Promise<JournalProcess> {
    const child = Bun.spawn([...under, process.execPath, CHILD, stateDir, JSON.stringify(steps)], {
      env: {},
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: Readable.from(child.stdout) })[Symbol.asyncIterator]();
    const opened: Opened = JSON.parse(String((await lines.next()).value));
    if (steps.some((step) => step.do === "hold")) await lines.next();
    return new JournalProcess(child, opened);
  }

  /** Runs the steps to its end. */
  static async run(stateDir: string, steps: readonly Step[]): Promise<JournalProcess> {
    const child = await JournalProcess.start(stateDir, steps);
    await child.exited;
    return child;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
