/** A real Slurm of one node on the loopback address: see scripts/services/slurm. */
import { resolve } from "node:path";
import { LIVE_PATH } from "./live.ts";
import { TempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";

const SERVICE = resolve(import.meta.dir, "../../scripts/services/slurm");

export const SLURM_NEEDS = {
  packages: ["slurm-wlm", "munge", "jq"],
  programs: ["slurmctld", "slurmd", "munged", "sbatch", "jq"],
} as const;

export class Slurm implements AsyncDisposable {
  /** For the programs that talk to it. */
  readonly env: Readonly<Record<string, string>>;
  readonly dir: TempDir;

  private constructor(dir: TempDir) {
    this.dir = dir;
    this.env = { PATH: LIVE_PATH, SLURM_CONF: dir.join("slurm.conf") };
  }

  static async start(): Promise<Slurm> {
    const slurm = new Slurm(await TempDir.create("slurm"));
    await slurm.service("start");
    return slurm;
  }

  restartController(): Promise<string> {
    return this.service("restart-controller");
  }

  /** What a command of Slurm's prints. */
  async ask(...argv: readonly string[]): Promise<string> {
    return await run(argv, this.env);
  }

  /** The jobs that it has not forgotten: state by name. */
  async jobs(): Promise<ReadonlyMap<string, string>> {
    const lines = (await this.ask("squeue", "--noheader", "--states=all", "--format=%j %T"))
      .trim()
      .split("\n");
    return new Map(lines.filter((line) => line !== "").map((line) => line.split(" ") as [string, string]));
  }

  /** Until the job of that name is in that state. */
  async waitForJob(name: string, state: string): Promise<void> {
    let jobs: ReadonlyMap<string, string> = new Map();
    await eventually(
      async () => {
        jobs = await this.jobs();
        return jobs.get(name) === state;
      },
      () => `job ${name} to be ${state}; there are ${JSON.stringify([...jobs])}`,
      { timeoutMs: 30_000, intervalMs: 100 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service("stop");
    await this.dir[Symbol.asyncDispose]();
  }

  private service(action: string): Promise<string> {
    return run([SERVICE, action, this.dir.path], { PATH: LIVE_PATH });
  }
}

async function run(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  // Output to files: a daemon that is started keeps a pipe open.
  await using dir = await TempDir.create("out");
  const [out, err] = [dir.join("out"), dir.join("err")];
  const child = Bun.spawn([...argv], { env, stdin: "ignore", stdout: Bun.file(out), stderr: Bun.file(err) });
  if ((await child.exited) !== 0) {
    throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${await Bun.file(err).text()}`);
  }
  return await Bun.file(out).text();
}
