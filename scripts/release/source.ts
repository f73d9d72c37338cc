/** Which version and which commit of the sources this is. */
import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");

export async function readVersion(): Promise<string> {
  const manifest: { version: string } = await Bun.file(join(ROOT, "package.json")).json();
  return manifest.version;
}

/** `unknown` for a source tree that is not a clone; `+dirty` when it differs from the commit. */
export async function readCommit(): Promise<string> {
  const top = git("rev-parse", "--show-toplevel");
  // An unpacked source tree inside somebody else's repository is not that repository's commit.
  if (top === null || (await realpath(top)) !== (await realpath(ROOT))) return "unknown";
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === null) return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}+dirty`;
}

/** When that commit was made, in seconds since 1970; 0 for a source tree that is not a clone. */
export function readCommitTime(): number {
  return Number(git("log", "-1", "--format=%ct") ?? 0);
}

function git(...args: string[]): string | null {
  const program = Bun.which("git");
  if (program === null) return null;
  const { exitCode, stdout } = Bun.spawnSync([program, "-C", ROOT, ...args], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : null;
}
