/** A process under a shim, started by this daemon or found again after a restart. */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { isAlive, NO_GROUP, type ProcessIdentity } from "../process-table.ts";
import { groupIsEmpty } from "../process-tree.ts";
import type { Mark, Surveyor } from "../stragglers.ts";
import type { Exit, Supervised } from "./client.ts";
import { isNeverBegun, readExitFile, removeExitFile } from "./exit-file.ts";
import { wakeIfStopped } from "./shim-watch.ts";

export interface Ward {
  readonly identity: ProcessIdentity;
  /** Its parent, where that is known. */
  readonly shim?: ProcessIdentity | undefined;
  /** It was so short that its end is the first thing known of it. */
  readonly isOver: boolean;
  /** The group to look for its processes in; NO_GROUP when that number may be somebody else's by now. */
  groupId(): number;
  readonly exited: Promise<Exit>;
  /** Its result is safe elsewhere; what was kept of it for a restart may go. */
  forget(): void;
}

/** A process that nobody supervises any more cannot tell us of its end, so its pid is looked at. */
const LOOK_EVERY_MS = 500;
/** Between a process's end and its status on disk lie a few milliseconds of its shim's work. */
const SHIM_WRITES_MS = 2_000;
/**
 * A shim that lives is waited for: on a disk that took half a second for each call it was still writing what five of six
 * agents that had ended well came to, and they were told of as failed. One that cannot write at all tries for ever.
 */
const LIVING_SHIM_WRITES_MS = 60_000;

export function startedWard(process: Supervised): Ward {
  return new StartedWard(process);
}

class StartedWard implements Ward {
  private readonly process: Supervised;
  private isGroupGone = false;

  constructor(process: Supervised) {
    this.process = process;
  }

  get identity(): ProcessIdentity {
    return this.process.identity;
  }

  get shim(): ProcessIdentity | undefined {
    return this.process.shim;
  }

  get isOver(): boolean {
    return this.process.isOver;
  }

  get exited(): Promise<Exit> {
    return this.process.exited;
  }

  /** Supervised without a gap: its number is free for others only once its whole group is gone. */
  groupId(): number {
    const { pid } = this.identity;
    if (this.isOver && !this.isGroupGone) this.isGroupGone = groupIsEmpty(pid);
    return this.isGroupGone ? NO_GROUP : pid;
  }

  forget(): void {
    this.process.acknowledge();
  }
}

/** `exitFile`: where the shim of the dead daemon writes, or has written, the status. */
export function foundWard(identity: ProcessIdentity, exitFile: string, shim?: ProcessIdentity): Ward {
  const exited = awaitExitFile(identity, exitFile, shim);
  const remove = () => removeExitFile(exitFile);
  return {
    identity,
    shim,
    isOver: false,
    exited,
    // Nobody knows when it ended, so a group of its number may be a stranger's.
    groupId: () => (isAlive(identity) ? identity.pid : NO_GROUP),
    // Of one that was just killed the shim writes only now, and nobody else would remove what it writes for a week.
    forget: () => {
      remove();
      void exited.then(remove);
    },
  };
}

/** Of a process that is gone, and that no pid can be mistaken for. */
const NOBODY: ProcessIdentity = { pid: 0, startedAt: "", bootId: "gone" };

/** `never-begun`: its shim has written down that it did not start it. `unheard`: nobody knows whether it did. */
export type NotFound = "never-begun" | "unheard";

/**
 * The daemon died between asking its shim for a process and hearing of its pid: it is the first that has its mark. Of one
 * that is not there, and left nothing, the request was never read, or it ended with a shim that was killed, too.
 */
export async function searchWard(mark: Mark, exitFile: string, surveyor: Surveyor): Promise<Ward | NotFound> {
  const identity = await surveyor.findFirst(mark);
  const ward = foundWard(identity ?? NOBODY, exitFile);
  if (identity !== null || (await ward.exited).kind === "exited") return ward;
  if (!isNeverBegun(exitFile)) return "unheard";
  removeExitFile(exitFile);
  return "never-begun";
}

function awaitExitFile(
  identity: ProcessIdentity,
  exitFile: string,
  shim: ProcessIdentity | undefined,
): Promise<Exit> {
  return new Promise((resolve) => {
    let goneSince: number | null = null;
    let unsupervisedSince: number | null = null;
    let watcher: FSWatcher | null = null;
    const settle = (exit: Exit) => {
      watcher?.close();
      clearInterval(timer);
      resolve(exit);
    };
    const look = () => {
      const found = readExitFile(exitFile);
      if (found !== null) return settle({ kind: "exited", ...found });
      if (isAlive(identity)) return;
      if (isNeverBegun(exitFile)) return settle({ kind: "lost" });
      const now = performance.now();
      goneSince ??= now;
      if (shim !== undefined && now - goneSince <= LIVING_SHIM_WRITES_MS && isAtWork(shim)) return;
      // It may have written between the look at the file and that at it.
      unsupervisedSince ??= now;
      if (now - unsupervisedSince > SHIM_WRITES_MS) settle({ kind: "lost" });
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    watcher = watchFor(exitFile, look);
    look();
  });
}

/** One that somebody has stopped goes on from here: with its daemon it lost whoever would have woken it. */
function isAtWork(shim: ProcessIdentity): boolean {
  if (!isAlive(shim)) return false;
  wakeIfStopped(shim.pid);
  return true;
}

/** Null where nothing can be watched: the folder is gone, or the user has no inotify instance left. An interval does. */
function watchFor(file: string, onChange: () => void): FSWatcher | null {
  try {
    const watcher = watch(dirname(file), (_event, name) => {
      if (name === basename(file)) onChange();
    });
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
