/** A worker under measurement: the real one, or the floor. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchPlane } from "./plane.ts";

export interface Memory {
  /** What `ps` shows, mostly pages of the executable that the kernel may drop. */
  readonly residentMb: number;
  /** Private and anonymous: what a host really pays. */
  readonly privateMb: number;
  readonly descriptors: number;
}

export interface SubjectKind {
  readonly name: "worker" | "floor";
  readonly executable: string;
  /** The worker's `backend` in its config file; left out: Direct, with the agent that is measured. */
  readonly backend?: object;
  /** Over the little that every subject gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Fields of every assignment beside the usual ones. */
  readonly assignment?: object;
}

export interface Agents {
  /** Exits 0 at once. */
  readonly quick: string;
  /** Sleeps for longer than it is looked at; the floor leaves it to itself. */
  readonly held: string;
  /** Writes 200 MB, then exits 0. */
  readonly loud: string;
}

export class Subject implements AsyncDisposable {
  readonly plane: BenchPlane;
  private readonly kind: SubjectKind;
  private readonly agent: string;
  private readonly dir = mkdtempSync(join(tmpdir(), "oz-bench-"));
  private child: Bun.Subprocess | null = null;

  constructor(kind: SubjectKind, agent: string) {
    this.kind = kind;
    this.agent = agent;
    this.plane = new BenchPlane(kind.assignment);
  }

  /** ms from the start of the process to its open connection. */
  async start(): Promise<number> {
    this.plane.forgetConnection();
    const config = join(this.dir, "worker.yaml");
    const { executable, name, backend = this.direct() } = this.kind;
    await Bun.write(config, Bun.YAML.stringify({ worker_id: "bench", backend }, null, 2));
    const flags = ["--config-file", config, "--log-level", "warn", "--web-socket-url", this.plane.url];
    const argv = name === "floor" ? [executable, ...this.floorFlags()] : [executable, ...flags];
    const startedAt = performance.now();
    this.child = Bun.spawn(argv, {
      env: {
        PATH: process.env["PATH"] ?? "",
        WARP_API_KEY: "bench",
        STATE_DIRECTORY: join(this.dir, "state"),
        // The floor has no metrics; what they cost has figures of its own.
        OTEL_METRICS_EXPORTER: "none",
        ...this.kind.environment,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await this.plane.whenConnected();
    return performance.now() - startedAt;
  }

  private floorFlags(): string[] {
    const workspaces = join(this.dir, "ws");
    return ["--web-socket-url", this.plane.url, "--workspace-root", workspaces, "--oz-path", this.agent];
  }

  private direct(): object {
    return { direct: { workspace_root: join(this.dir, "ws"), oz_path: this.agent } };
  }

  async stop(): Promise<void> {
    this.child?.kill("SIGTERM");
    await this.child?.exited;
    this.child = null;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  memory(): Memory {
    const status = readFileSync(`/proc/${this.child?.pid}/status`, "utf8");
    const read = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024;
    return {
      residentMb: read("VmRSS"),
      privateMb: read("RssAnon"),
      descriptors: readdirSync(`/proc/${this.child?.pid}/fd`).length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.plane[Symbol.dispose]();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
