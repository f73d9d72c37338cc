/**
 * What the daemon and its shim say to each other, as JSON over the channel between them.
 *
 * The shim is a second, small process of this program: the parent of all agents. Only a parent is
 * told an exit status, so for an agent to outlive a crash of the daemon and still end in a true
 * result, its parent has to outlive it too.
 */
import type { Command } from "../../runtime/spawn.ts";
import type { Mark } from "../stragglers.ts";
import type { Said } from "./output-tail.ts";

export interface SpawnRequest {
  readonly op: "spawn";
  readonly id: number;
  /** Of the daemon that asks: a shim whose parent is another process has outlived it. */
  readonly daemonPid: number;
  readonly command: Command;
  /**
   * What the process reads; the end of its output is then kept and told. Left out: it reads nothing
   * and writes straight to the daemon's own output.
   */
  readonly input?: string;
  /** It and all that descends from it get the birthmark that belongs to this one; left out: none. */
  readonly mark?: Mark;
  /**
   * Where the exit status goes when the daemon is not there to hear it; null for a process that is
   * to end with the daemon (its whole group is killed).
   */
  readonly exitFile: string | null;
  /** The soft limit of open files that the process gets. */
  readonly openFiles: number;
  /** Exits that the daemon has on disk: the shim may forget them. */
  readonly settled: readonly number[];
}

/** The same when there is nothing to spawn. */
export interface Acknowledgement {
  readonly op: "acknowledge";
  readonly settled: readonly number[];
}

export type ToShim = SpawnRequest | Acknowledgement;

export type FromShim =
  /** Left out of what ends within a few milliseconds: its pid is then in `exited`. */
  | { readonly event: "spawned"; readonly id: number; readonly pid: number; readonly startedAt: string }
  /** `code` is the system's error name. */
  | { readonly event: "refused"; readonly id: number; readonly code: string; readonly message: string }
  /** `status`: 128+signal for a signal. `said`: of a process that was given input. */
  | {
      readonly event: "exited";
      readonly id: number;
      readonly pid: number;
      readonly status: number;
      readonly said?: Said;
    };
