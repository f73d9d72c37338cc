/** install.sh as `curl ... | sh` runs it: from standard input, with only the tools that a test grants. */
import { readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { TempDir } from "./temp-dir.ts";

const SCRIPT = readFileSync(resolve(import.meta.dir, "../../install.sh"), "utf8");

/** Beside a downloader and what computes sums. */
const BASE_TOOLS: readonly string[] = [
  ...["awk", "chmod", "cut", "env", "getconf", "grep", "gzip", "head", "id", "mkdir", "mktemp"],
  ...["mv", "rm", "tail", "tar", "tr", "uname"],
];

export interface Surroundings {
  readonly name: string;
  readonly shell: readonly string[];
  readonly tools: readonly string[];
  /** Every tool is one of its applets. */
  readonly busybox?: true;
}

export const DASH_CURL: Surroundings = {
  name: "dash and curl",
  shell: ["dash"],
  tools: ["curl", "sha256sum"],
};

/** Those that are there on this machine. */
export const SURROUNDINGS: readonly Surroundings[] = [
  DASH_CURL,
  { name: "bash and wget", shell: ["bash"], tools: ["wget", "openssl"] },
  { name: "busybox", shell: ["busybox", "sh"], tools: ["wget", "sha256sum"], busybox: true } as const,
].filter(({ shell, tools, ...more }) =>
  [shell[0] ?? "", ...("busybox" in more ? [] : tools)].every((program) => Bun.which(program) !== null),
);

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly dir: TempDir;
  readonly env?: Readonly<Record<string, string>>;
  /** Variables that it is not given. */
  readonly unset?: readonly string[];
  readonly args?: readonly string[];
  readonly in?: Surroundings;
  /** The whole of install.sh unless given. */
  readonly script?: string;
  /** A command that starts the shell, such as one that drops rights. */
  readonly under?: readonly string[];
  /** Sends SIGTERM to the shell and all that it started. */
  readonly stopGroup?: AbortSignal;
}

export async function runInstaller(options: RunOptions): Promise<Run> {
  const { dir, env = {}, args = [], in: { shell, ...surroundings } = DASH_CURL, under = [] } = options;
  const [program = "", ...shellArgs] = shell;
  const bin = await toolFolder(dir, { shell, ...surroundings });
  const environment: Record<string, string> = { PATH: bin, HOME: dir.join("home"), LC_ALL: "C", ...env };
  for (const name of options.unset ?? []) delete environment[name];
  const child = Bun.spawn([...under, Bun.which(program) ?? program, ...shellArgs, "-s", "--", ...args], {
    cwd: dir.path,
    env: environment,
    stdin: new Blob([options.script ?? SCRIPT]),
    stdout: "pipe",
    stderr: "pipe",
    detached: options.stopGroup !== undefined,
  });
  options.stopGroup?.addEventListener("abort", () => process.kill(-child.pid, "SIGTERM"));
  const [status, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  return { status, stdout, stderr };
}

export function installerText(): string {
  return SCRIPT;
}

async function toolFolder(dir: TempDir, { name, tools, busybox }: Surroundings): Promise<string> {
  const folder = await dir.mkdir(`tools of ${name}`);
  for (const tool of [...BASE_TOOLS, ...tools]) {
    const program = Bun.which(busybox ? "busybox" : tool);
    if (program !== null) await symlink(program, join(folder, tool)).catch(ignoreExisting);
  }
  return folder;
}

function ignoreExisting(error: Error): void {
  if (!("code" in error && error.code === "EEXIST")) throw error;
}
