/** A program that is a part of a test run. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a whole folder or program: a run that hangs ends, and is red. Real engines on a busy machine take long. */
const TIMEOUT_MS = 30 * 60_000;

/** "inherit": to our own. "late": written when it has ended, so that two processes do not talk at once. */
export type Output = "inherit" | "late";

export interface ChildRun {
  /** The folder it runs in. */
  readonly root: string;
  /** Over this process's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly output: Output;
  readonly write: (text: string) => void;
}

/** Its exit status. */
export async function runChild(
  argv: readonly string[],
  { root, env, output, write }: ChildRun,
): Promise<number> {
  const scratch = await mkdtemp(join(tmpdir(), "oz-output-"));
  const log = join(scratch, "log");
  // A file, for a process that is left over would hold a pipe open for ever.
  const descriptor = output === "late" ? openSync(log, "a") : null;
  try {
    const child = Bun.spawn([...argv], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", descriptor ?? "inherit", descriptor ?? "inherit"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const status = await child.exited;
    if (descriptor !== null) write(readFileSync(log, "utf8"));
    return status;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
    await rm(scratch, { recursive: true, force: true });
  }
}
