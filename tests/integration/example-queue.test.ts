/** The queue of the ssh-queue example by itself; over a real sshd it is in tests/live. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";

const QUEUE = resolve(import.meta.dir, "../../examples/command/ssh-queue/oz-queue");
const setsid = Bun.which("setsid");
const able = Bun.which("jq") !== null && setsid !== null;
if (!able) process.stderr.write("skip  the queue of the ssh-queue example: it needs jq and setsid\n");

class Queue implements AsyncDisposable {
  readonly dir: TempDir;
  readonly #env: Record<string, string>;
  #loop: Bun.Subprocess | null = null;

  constructor(dir: TempDir, path = "") {
    this.dir = dir;
    const env = { OZ_QUEUE_DIR: dir.join("queue"), OZ_AGENT: dir.join("agent"), NOTES: dir.join("ran") };
    this.#env = { ...env, HOME: dir.path, PATH: `${path}${process.env["PATH"]}` };
  }

  static async create(path?: (dir: TempDir) => string): Promise<Queue> {
    const dir = await TempDir.create("queue");
    await dir.write("agent", '#!/bin/sh\necho "$TASK" >>"$NOTES"\n', 0o755);
    return new Queue(dir, path?.(dir));
  }

  add(name: string): void {
    const payload = JSON.stringify({ version: 1, env: { TASK: name }, base_args: ["agent", "run"] });
    expect(this.#run("add", name, payload)).toBe(0);
  }

  cancel(name: string): void {
    expect(this.#run("cancel", name, "")).toBe(0);
  }

  work(): void {
    const stdio = ["ignore", "ignore", "inherit"] as const;
    this.#loop = Bun.spawn([QUEUE, "work"], { env: this.#env, stdio: [...stdio], detached: true });
  }

  /** Until the loop is through with so many, and names those whose agents ran. */
  async done(count: number): Promise<string[]> {
    const logs = () => readdir(this.dir.join("queue/log"));
    const left = () => Promise.all(["new", "part", "work"].map((it) => readdir(this.dir.join("queue", it))));
    const ended = async () => (await logs()).length === count && (await left()).flat().length === 0;
    await eventually(ended, `${count} tasks to end`);
    return existsSync(this.dir.join("ran"))
      ? (await readFile(this.dir.join("ran"), "utf8")).trim().split("\n")
      : [];
  }

  #run(word: string, name: string, input: string): number {
    const stdin = Buffer.from(input);
    return Bun.spawnSync([QUEUE, word, name], { env: this.#env, stdin, stderr: "inherit" }).exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#loop !== null) {
      // With the group that it leads: it sleeps by a program of its own.
      process.kill(-this.#loop.pid, "SIGTERM");
      await within(this.#loop.exited, "the end of the loop");
    }
    await this.dir[Symbol.asyncDispose]();
  }
}

// The loop ended there, and whatever else waited never ran.
test.if(able)(
  "a task that a restart of its host cut short runs when it comes again, and so do others",
  async () => {
    await using queue = await Queue.create();
    await queue.dir.write("queue/work/first/left", "");
    for (const name of ["first", "second"]) queue.add(name);
    queue.work();
    expect(await queue.done(2)).toEqual(["first", "second"]);
  },
);

// Neither waiting nor running yet: the cancellation was a success, and the agent ran.
test.if(able)("a task that is cancelled while it starts does not run", async () => {
  await using queue = await Queue.create((dir) => `${dir.join("bin")}:`);
  const gate = queue.dir.join("gate");
  expect(Bun.spawnSync(["mkfifo", gate]).exitCode).toBe(0);
  const slow = `#!/bin/sh\n: >"${queue.dir.join("starting")}"\nread -r _ <"${gate}"\nexec ${setsid} "$@"\n`;
  await queue.dir.write("bin/setsid", slow, 0o755);
  queue.add("first");
  queue.work();
  await eventually(() => existsSync(queue.dir.join("starting")), "the task to start");
  queue.cancel("first");
  await Bun.write(gate, "go\n");
  expect(await queue.done(1)).toEqual([]);
});
