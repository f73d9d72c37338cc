/**
 * Which worker on this host has a task, and where, told to the others of its id. The control plane gives a task to a
 * second worker when it lost sight of the first, and two that ran it at once would do its work twice, and take each
 * other's folder and processes for their own. Beside the journals each worker has a file that names its process and
 * its folder, and for each task one more name of that file: a hard link costs a tenth of what a new file does. Only
 * a claim whose process is dead can be taken over. Who took one over leaves a note of that when it lets go of the task:
 * the dead worker's successor, which may come only then, is not to tell of an end that is not the last.
 */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathComponentOf } from "../../journal/path-component.ts";
import { codeOf } from "../../logging/words-of.ts";
import { identify, isAlive, isExiting, type ProcessIdentity } from "../../process/process-table.ts";

/** Disposed of, it lets go of the task. `taken`: another worker, which lives, has it, and works on it in `dir`. */
export type Claim = Disposable &
  ({ readonly kind: "had" } | { readonly kind: "taken"; readonly dir: string });

const nothing = () => {};
const HAD: Claim = { kind: "had", [Symbol.dispose]: nothing };
/** Between two looks a third worker may have been quicker. */
const TRIES = 3;
/** Ids come from outside: as many as make two that are equal a matter of chance alone. */
const DIGEST_CHARACTERS = 32;

export class TaskClaims implements Disposable {
  private readonly folder: () => string | null;
  /** By place: one, but for tasks that were taken over from a worker with another workspace root. */
  private readonly cards = new Map<string, Card>();
  /** Of tasks that were dead workers', and have ended here since. */
  private readonly notes = new Map<string, Card>();

  /** `folder` null: there is none, so nobody can be told. Asked when a task comes. */
  constructor(folder: () => string | null) {
    this.folder = folder;
  }

  /** To work on in `dir`. Where nothing can be written down the task is had without. Does not throw. */
  take(taskId: string, dir: string): Claim {
    return this.tryTake(taskId, dir, true);
  }

  /** The same for a task of a dead worker: `taken` also when another, which lives, has seen it through since. */
  inherit(taskId: string, dir: string): Claim {
    const folder = this.folder();
    const other = folder === null ? null : livingOther(noteOf(pathIn(folder, taskId)));
    return other === null ? this.tryTake(taskId, dir, false) : takenBy(other, taskId);
  }

  /** What dead workers left, once those of their tasks that were left are known here. Does not throw. */
  sweep(): void {
    const folder = this.folder();
    if (folder === null) return;
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry);
      const owner = ownerOf(path);
      if (owner !== null && !isAtWork(owner.identity)) clear(path);
    }
  }

  /** What is still had stays so until this process is gone. */
  [Symbol.dispose](): void {
    for (const [path, card] of this.notes) drop(path, card);
    for (const card of this.cards.values()) drop(card.path, card);
    this.cards.clear();
  }

  /** `fromServer`: it is begun here, and not taken over with all that is known of it. */
  private tryTake(taskId: string, dir: string, fromServer: boolean): Claim {
    const folder = this.folder();
    if (folder === null) return HAD;
    const place = placeOf(taskId, dir);
    const path = pathIn(folder, taskId);
    let wasDead = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const card = this.cardFor(folder, place);
      const refusal = card === null ? "EROFS" : refusalToName(card, path);
      if (card !== null && refusal === null) {
        const wasNoted = this.removeNote(path);
        return this.claimOf(path, card, fromServer && (wasDead || wasNoted));
      }
      // A cleaner may have taken the folder, or the card.
      if (refusal === "ENOENT") this.cards.delete(place);
      else if (refusal !== "EEXIST") break;
      const other = livingOther(path);
      if (other !== null) return takenBy(other, taskId);
      wasDead = true;
      clear(path);
    }
    return HAD;
  }

  /** `isAnew`: a dead worker had it, and whoever comes after that one is to be told. */
  private claimOf(path: string, card: Card, isAnew: boolean): Claim {
    if (!isAnew) return { kind: "had", [Symbol.dispose]: () => drop(path, card) };
    const leaveNote = () => {
      if (!isNamed(path, card)) return;
      const note = noteOf(path);
      moveIfThere(path, note);
      this.notes.set(note, card);
    };
    return { kind: "had", [Symbol.dispose]: leaveNote };
  }

  /** False: there was none. It was of an earlier execution: whoever has the task now is asked about it. */
  private removeNote(path: string): boolean {
    const note = noteOf(path);
    this.notes.delete(note);
    if (!existsSync(note)) return false;
    removeIfThere(note);
    return true;
  }

  private cardFor(folder: string, place: string): Card | null {
    const known = this.cards.get(place);
    if (known !== undefined) return known;
    const card = makeCard(folder, place);
    if (card !== null) this.cards.set(place, card);
    return card;
  }
}

/** The file that a worker's claims are further names of. */
interface Card {
  readonly path: string;
  readonly inode: number;
}

/** No task's own name has a plus in it. */
const CARD = "+worker-";
const ASIDE = "+";
const NOTE = "+anew";

/** Null: nothing can be written there. */
function makeCard(folder: string, place: string): Card | null {
  const path = join(folder, `${CARD}${crypto.randomUUID()}`);
  try {
    mkdirSync(folder, { mode: 0o700, recursive: true });
    writeFileSync(path, [nameOfSelf(), place].join("|"), { mode: 0o600 });
  } catch {
    // On a full disk it is there, and empty.
    removeIfThere(path);
    return null;
  }
  const inode = inodeOf(path);
  return inode === null ? null : { path, inode };
}

function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing can be written nothing was left.
  }
}

function moveIfThere(path: string, to: string): void {
  try {
    renameSync(path, to);
  } catch {
    // Whoever finds it looks whether this process lives.
  }
}

/** None where it cannot be looked into. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function takenBy({ place }: Owner, taskId: string): Claim {
  return { kind: "taken", dir: dirIn(place, taskId), [Symbol.dispose]: nothing };
}

/** The system's code; null: it has the name. */
function refusalToName(card: Card, path: string): string | null {
  try {
    linkSync(card.path, path);
    return null;
  } catch (error) {
    return codeOf(error) ?? "";
  }
}

/** Out of the way first, then looked at again: another may have taken it over since it was read. */
function clear(path: string): void {
  const aside = `${path}${ASIDE}${process.pid}`;
  try {
    renameSync(path, aside);
    if (livingOther(aside) !== null) renameSync(aside, path);
    else rmSync(aside, { force: true });
  } catch {
    // Somebody else has just cleared it.
  }
}

/** False: somebody took it over meanwhile. */
function isNamed(path: string, { inode }: Card): boolean {
  return inodeOf(path) === inode;
}

function drop(path: string, card: Card): void {
  try {
    if (isNamed(path, card)) unlinkSync(path);
  } catch {
    // Whoever finds it looks whether this process lives.
  }
}

function nameOfSelf(): string {
  const { pid, startedAt, bootId } = identify(process.pid) ?? { pid: process.pid, startedAt: "", bootId: "" };
  return [pid, startedAt, bootId].join("|");
}

interface Owner {
  readonly identity: ProcessIdentity;
  readonly place: string;
}

/** Of its own there may be a claim that could not be removed: no worker runs a task twice at once. */
function livingOther(path: string): Owner | null {
  const owner = ownerOf(path);
  return owner !== null && owner.identity.pid !== process.pid && isAtWork(owner.identity) ? owner : null;
}

/**
 * One that was killed lets go of its slot before it is gone. A successor that was started in that moment took it for
 * another that lives, left all its tasks to it, and so nobody ever told how they ended.
 */
function isAtWork(identity: ProcessIdentity): boolean {
  return isAlive(identity) && !isExiting(identity.pid);
}

/** Null: it is gone, or no claim of this version. */
function ownerOf(path: string): Owner | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  const [, pid, startedAt = "", bootId = "", place = ""] =
    /^(\d+)\|([^|]*)\|([^|]*)\|(.*)$/s.exec(text) ?? [];
  return pid === undefined ? null : { identity: { pid: Number(pid), startedAt, bootId }, place };
}

/** A folder with a slash at its end is one in which each task has its own, named for it. */
function placeOf(taskId: string, dir: string): string {
  return basename(dir) === taskId ? `${dirname(dir)}/` : dir;
}

function dirIn(place: string, taskId: string): string {
  return place.endsWith("/") ? join(place, taskId) : place;
}

function noteOf(path: string): string {
  return `${path}${NOTE}`;
}

function pathIn(folder: string, taskId: string): string {
  return join(folder, pathComponentOf(taskId, DIGEST_CHARACTERS));
}

/** Null: it is not there, or not to be seen. */
function inodeOf(path: string): number | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null;
  }
}
