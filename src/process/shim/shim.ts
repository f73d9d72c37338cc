/**
 * The shim's own side: starts what the daemon asks for, tells it how each ended, and when the daemon
 * dies keeps waiting and writes the statuses down. Ends when it has neither daemon nor children.
 */

import { wordsOf } from "../../logging/words-of.ts";
import { type LimitScope, openFilesLimitScope } from "../../runtime/open-files-limit.ts";
import { type Child, type Command, spawnDetached } from "../../runtime/spawn.ts";
import { readProcess } from "../process-table.ts";
import { writeExitFile } from "./exit-file.ts";
import type { FromShim, SpawnRequest, ToShim } from "./protocol.ts";

/** Each child costs the shim a descriptor; below a limit lowered for a child it must still find one free. */
const SPARE_DESCRIPTORS = 64;

export interface ShimChannel {
  send(event: FromShim): void;
  onMessage(listener: (message: ToShim) => void): void;
  onDisconnect(listener: () => void): void;
}

interface Ward {
  readonly pid: number;
  readonly exitFile: string | null;
  /** Null while it runs. */
  status: number | null;
}

/** Resolves when the shim has nothing left to do. */
export function runShim(channel: ShimChannel): Promise<void> {
  return new Promise((resolve) => new Shim(channel, resolve).start());
}

class Shim {
  private readonly wards = new Map<number, Ward>();
  private readonly withLimit: LimitScope | null = openFilesLimitScope();
  private readonly channel: ShimChannel;
  private readonly done: () => void;
  private readonly daemonPid = process.ppid;
  private orphaned = false;

  constructor(channel: ShimChannel, done: () => void) {
    this.channel = channel;
    this.done = done;
  }

  start(): void {
    this.channel.onMessage((message) => {
      for (const id of message.settled) this.wards.delete(id);
      if (message.op === "spawn") this.spawn(message);
    });
    this.channel.onDisconnect(() => this.goOnAlone());
  }

  private spawn({ id, command, exitFile, openFiles }: SpawnRequest): void {
    // Read only after the daemon died: its successor may by now have said that this never started.
    if (this.isOrphaned()) return;
    let child: Child;
    try {
      child = this.spawnWithLimit(command, openFiles);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
      this.tell({
        event: "refused",
        id,
        code,
        message: wordsOf(error),
      });
      return;
    }
    this.wards.set(id, { pid: child.pid, exitFile, status: null });
    this.tell({ event: "spawned", id, pid: child.pid, startedAt: readProcess(child.pid)?.startedAt ?? "" });
    child.exited.then((status) => this.exited(id, status));
  }

  private spawnWithLimit(command: Command, openFiles: number): Child {
    const roomBelowLimit = this.wards.size + SPARE_DESCRIPTORS < openFiles;
    if (this.withLimit !== null && roomBelowLimit) {
      return this.withLimit(openFiles, () => spawnDetached(command));
    }
    const lower = ["/bin/sh", "-c", 'ulimit -Sn "$0" 2>/dev/null; exec "$@"', String(openFiles)];
    return spawnDetached({ ...command, argv: [...lower, ...command.argv] });
  }

  private exited(id: number, status: number): void {
    const ward = this.wards.get(id);
    if (ward === undefined) return;
    ward.status = status;
    if (ward.exitFile === null) this.wards.delete(id);
    if (this.orphaned) this.settle(id, ward);
    else this.tell({ event: "exited", id, status });
  }

  /** The daemon is gone: what should end with it ends, what it never acknowledged is written down. */
  private goOnAlone(): void {
    this.orphaned = true;
    for (const [id, ward] of this.wards) {
      if (ward.exitFile === null) killGroup(ward.pid);
      this.settle(id, ward);
    }
    if (this.wards.size === 0) this.done();
  }

  private settle(id: number, ward: Ward): void {
    if (ward.status === null && ward.exitFile !== null) return;
    if (ward.status !== null && ward.exitFile !== null) {
      try {
        writeExitFile(ward.exitFile, ward.status);
      } catch {
        // The state folder is gone or full. Nobody is left to tell; the next daemon reports the status as lost.
      }
    }
    this.wards.delete(id);
    if (this.wards.size === 0) this.done();
  }

  /** The kernel knows of the daemon's death before the channel tells. */
  private isOrphaned(): boolean {
    return this.orphaned || process.ppid !== this.daemonPid;
  }

  private tell(event: FromShim): void {
    // Between the daemon's death and our hearing of it a send fails; `goOnAlone` then settles it.
    if (!this.orphaned) this.channel.send(event);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
