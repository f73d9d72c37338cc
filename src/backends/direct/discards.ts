/**
 * Workspaces whose tasks have ended, on their way out. To remove one may take seconds, for an agent may leave a
 * hundred thousand files, and even an empty one keeps the disk busy for a tenth of a millisecond; the report of the
 * task's end does not wait for that. The folder is moved into the state folder, which takes nothing, and is removed
 * from there a moment later, together with others. What a worker that is killed meanwhile leaves there, the next one removes.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { within } from "../../async/wait.ts";
import { codeOf, wordsOf } from "../../logging/words-of.ts";
import { OWNER_ONLY, removeFolder, removeIfEmpty } from "./removal.ts";

/** Short tasks follow each other at once, and what is done between two of them makes the second one late. */
const REMOVE_AFTER_MS = 20;
/** For what is being removed when the worker stops; the next one goes on with the rest. */
const STOP_MS = 5_000;

interface Discarded {
  /** Where it was, and where it goes back to when it cannot be removed. */
  readonly dir: string;
  readonly aside: string;
  readonly gone: PromiseWithResolvers<void>;
}

interface Batch {
  readonly folder: string;
  readonly discarded: Discarded[];
}

export class Discards implements AsyncDisposable {
  private readonly folder: () => string | null;
  private batch: Batch | null = null;
  private readonly underway = new Set<Promise<unknown>>();
  /** Workspaces are on another file system than the state folder. */
  private isElsewhere = false;

  /** `folder` null: there is no state folder. Asked when a task ends. */
  constructor(folder: () => string | null) {
    this.folder = folder;
  }

  /**
   * Null: it cannot be moved, and has to be removed where it is. Else it is out of the way by now, and what is
   * returned resolves once it is gone; rejects when it cannot be removed, and then it is back where it was.
   */
  take(dir: string): Promise<void> | null {
    const batch = this.batch ?? this.begin();
    if (batch === null) return null;
    const aside = join(batch.folder, basename(dir));
    try {
      renameSync(dir, aside);
    } catch (error) {
      this.isElsewhere = codeOf(error) === "EXDEV";
      return null;
    }
    const gone = Promise.withResolvers<void>();
    batch.discarded.push({ dir, aside, gone });
    return gone.promise;
  }

  /**
   * Removes what dead workers left. What a living one is about to remove may be among it, which does no harm.
   * Rejects when there is something that cannot be removed.
   */
  async sweep(): Promise<void> {
    const folder = this.folder();
    if (folder === null || !existsSync(folder)) return;
    await Promise.all(readdirSync(folder).map((name) => sweepBatch(join(folder, name))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.removeBatch();
    await within(Promise.all(this.underway), STOP_MS, null);
  }

  private begin(): Batch | null {
    const parent = this.folder();
    if (parent === null || this.isElsewhere) return null;
    const folder = join(parent, crypto.randomUUID());
    try {
      mkdirSync(folder, { recursive: true, mode: OWNER_ONLY });
    } catch {
      return null;
    }
    this.batch = { folder, discarded: [] };
    setTimeout(() => this.removeBatch(), REMOVE_AFTER_MS).unref();
    return this.batch;
  }

  private removeBatch(): void {
    if (this.batch === null) return;
    const { folder, discarded } = this.batch;
    this.batch = null;
    const removed = Promise.all(discarded.map(remove)).then(() => {
      removeIfEmpty(folder);
      this.underway.delete(removed);
    });
    this.underway.add(removed);
  }
}

/** What is there now, each by itself: what a living worker moves there after the look at the mounts may have one in it. */
async function sweepBatch(folder: string): Promise<void> {
  await Promise.all(namesIn(folder).map((name) => removeFolder(join(folder, name))));
  removeIfEmpty(folder);
}

/** None when its worker, which lives, has just removed it. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Never rejects: `gone` does. */
async function remove({ dir, aside, gone }: Discarded): Promise<void> {
  try {
    await removeFolder(aside);
    gone.resolve();
  } catch (error) {
    const where = putBack(aside, dir) ? dir : aside;
    gone.reject(new Error(wordsOf(error).replaceAll(aside, where), { cause: error }));
  }
}

/** False: its place is taken, by the same task, which came again. */
function putBack(aside: string, dir: string): boolean {
  if (existsSync(dir)) return false;
  try {
    renameSync(aside, dir);
    return true;
  } catch {
    return false;
  }
}
