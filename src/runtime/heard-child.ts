/** A child that reads what it is given, and whose output comes here. */
import { closeSync } from "node:fs";
import { descriptorMaker } from "./descriptors.ts";
import type { Child, Command } from "./spawn.ts";

export interface HeardChild extends Child {
  /** Each ends when the last process that writes to it has ended or closed it. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
}

/** Throws the system's error (ENOENT, EACCES, E2BIG…). */
export type SpawnHeard = (command: Command, input: string) => HeardChild;

/**
 * The child leads a session and process group of its own. Its input lies in memory, never on a disk,
 * and one that ends without reading it is none the worse for that: there is no pipe to break.
 */
export function heardSpawner(): SpawnHeard {
  const { openPipe, openMemory } = descriptorMaker();
  return (command, input) => {
    const [given, out, err] = [openMemory(input), openPipe(), openPipe()];
    try {
      const child = Bun.spawn([...command.argv], {
        cwd: command.cwd,
        env: { ...command.env },
        stdio: [given ?? new Blob([input]), out?.writeEnd ?? "pipe", err?.writeEnd ?? "pipe"],
        detached: true,
      });
      return {
        pid: child.pid,
        exited: child.exited,
        stdout: out?.read() ?? streamOf(child.stdout),
        stderr: err?.read() ?? streamOf(child.stderr),
      };
    } catch (error) {
      closeAll([out?.readEnd, err?.readEnd]);
      throw error;
    } finally {
      closeAll([given, out?.writeEnd, err?.writeEnd]);
    }
  };
}

function closeAll(descriptors: readonly (number | null | undefined)[]): void {
  for (const descriptor of descriptors) {
    if (typeof descriptor === "number") closeSync(descriptor);
  }
}

function streamOf(stream: number | ReadableStream<Uint8Array> | undefined): AsyncIterable<Uint8Array> {
  return typeof stream === "object" ? stream : new ReadableStream();
}
