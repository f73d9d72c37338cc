/** The agent of a test: fake-agent.sh, which notes how it was run and behaves as the assignment's env says. */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { TempDir } from "./temp-dir.ts";
import { type EventuallyOptions, eventually } from "./wait.ts";

export interface AgentProcess {
  /** `self`, `sleeper` (AGENT_SLEEP), `child` (in the agent's group) or `setsid` (in a session of its own). */
  readonly label: string;
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startedAt: string;
}

/** What one start of the agent noted. Read when asked: what it writes later is seen. */
export class AgentRun {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Without the executable. */
  get argv(): readonly string[] {
    return this.#read("argv").split("\0").slice(0, -1);
  }

  get env(): Readonly<Record<string, string>> {
    const entries = this.#read("env").split("\0").slice(0, -1);
    return Object.fromEntries(entries.map((entry) => splitOnce(entry, "=")));
  }

  get cwd(): string {
    return this.#read("cwd").trimEnd();
  }

  get processes(): readonly AgentProcess[] {
    return this.#read("processes")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [label = "", pid, startedAt = ""] = line.split(" ");
        return { label, pid: Number(pid), startedAt };
      });
  }

  /** Ran to its end: neither killed nor still running. */
  get ended(): boolean {
    return existsSync(join(this.folder, "ended"));
  }

  /** Had the time for its work after SIGTERM (AGENT_TRAP). */
  get trapped(): boolean {
    return existsSync(join(this.folder, "trapped"));
  }

  /** Those of its processes that run at this moment, zombies left out. */
  get alive(): readonly AgentProcess[] {
    return this.processes.filter(isAlive);
  }

  /** Lets an agent with AGENT_HOLD go on. */
  release(): void {
    writeFileSync(join(this.folder, "release"), "");
    // The agent has had the gate open since before it noted its start, so nothing is lost; opened for
    // both directions a FIFO never waits, not even for an agent that is dead by now.
    const gate = openSync(join(this.folder, "gate"), constants.O_RDWR | constants.O_NONBLOCK);
    writeSync(gate, "\n");
    closeSync(gate);
  }

  #read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }
}

export class FakeAgent implements AsyncDisposable {
  /** The executable: `oz_path` of a configuration. */
  readonly path: string;
  readonly #records: string;

  private constructor(path: string, records: string) {
    this.path = path;
    this.#records = records;
  }

  /** In a folder of its own inside `dir`, named `oz` so that a PATH may find it too. */
  static async create(dir: TempDir): Promise<FakeAgent> {
    const records = await dir.mkdir("agent/records");
    const script = readFileSync(new URL("./fake-agent.sh", import.meta.url), "utf8");
    return new FakeAgent(await dir.write("agent/oz", script.replace("@RECORDS@", records), 0o755), records);
  }

  /** Every start for this task that has noted all, oldest first. */
  runs(taskId: string): readonly AgentRun[] {
    return this.#all()
      .filter(({ name }) => name.slice(0, name.lastIndexOf(".")) === taskId)
      .sort((a, b) => numberOf(a.name) - numberOf(b.name))
      .map(({ run }) => run)
      .filter((run) => existsSync(join(run.folder, "started")));
  }

  /** @param start 1 for the task's first start, 2 for its second… */
  waitForStart(taskId: string, start = 1, options?: EventuallyOptions): Promise<AgentRun> {
    return eventually(
      () => this.runs(taskId)[start - 1],
      `start ${start} of the agent of ${taskId}`,
      options,
    );
  }

  /** Kills what is left of its own processes, each known by pid and start time, and nothing else. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { run } of this.#all()) {
      if (!existsSync(join(run.folder, "processes"))) continue;
      for (const { pid } of run.alive) kill(pid);
    }
  }

  #all(): { readonly name: string; readonly run: AgentRun }[] {
    if (!existsSync(this.#records)) return [];
    return readdirSync(this.#records).map((name) => ({ name, run: new AgentRun(join(this.#records, name)) }));
  }
}

export function isAlive({ pid, startedAt }: AgentProcess): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] !== "Z" && fields[19] === startedAt;
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

function numberOf(folderName: string): number {
  return Number(folderName.slice(folderName.lastIndexOf(".") + 1));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}
