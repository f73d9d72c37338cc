/** A small file system of a test's own, to be filled to the last byte. Needs root. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TempDir } from "./temp-dir.ts";

export interface Tmpfs extends AsyncDisposable {
  readonly path: string;
  /** Until nothing more can be written. */
  fill(): void;
  /** Removes what filled it. */
  free(): void;
}

export async function mountTmpfs(dir: TempDir, name: string, sizeBytes: number): Promise<Tmpfs> {
  const path = await dir.mkdir(name);
  await run(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", path]);
  const filler = join(path, "filler");
  return {
    path,
    fill: () => writeAllThatFits(filler),
    free: () => rmSync(filler, { force: true }),
    // Lazily: a shim that is just ending may still have a file open there.
    [Symbol.asyncDispose]: () => run(["umount", "-l", path]),
  };
}

function writeAllThatFits(file: string): void {
  const descriptor = openSync(file, "w");
  try {
    for (;;) writeSync(descriptor, new Uint8Array(4096));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    closeSync(descriptor);
  }
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "ignore", "pipe"] });
  const [status, said] = await Promise.all([child.exited, child.stderr.text()]);
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with status ${status}: ${said}`);
}
