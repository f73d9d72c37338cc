/**
 * The file by which a worker is known among the claims, and its further names, one for each task: who has given a name, and
 * whether that one still lives.
 */
import {
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
import { join } from "node:path";
import { codeOf } from "../../logging/words-of.ts";
import { identify, isAlive, isExiting, type ProcessIdentity } from "../../process/process-table.ts";

/** The file that a worker's claims are further names of. */
export interface Card {
  readonly path: string;
  readonly inode: number;
}

/** No task's own name has a plus in it. */
const CARD = "+worker-";
const ASIDE = "+";

/** Null: nothing can be written there. */
export function makeCard(folder: string, place: string): Card | null {
  // A worker that starts in that moment takes one in which nothing is written yet for a dead one's, and removes it.
  return writeCard(folder, place) ?? writeCard(folder, place);
}

function writeCard(folder: string, place: string): Card | null {
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

/** Never throws. */
export function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Where nothing can be written nothing was left.
  }
}

/** Never throws. */
export function moveIfThere(path: string, to: string): void {
  try {
    renameSync(path, to);
  } catch {
    // Whoever finds it looks whether this process lives.
  }
}

/** What dead workers left. Does not throw. */
export function clearDead(folder: string): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry);
    if (isOfDead(path) || (entry.startsWith(CARD) && isEmpty(path))) clear(path);
  }
}

/** Its worker was killed before it had written who it is. */
function isEmpty(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.size === 0;
  } catch {
    return false;
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

/** Its worker is gone, and nobody has come after that one yet. Never throws. */
export function isOfDead(path: string): boolean {
  const owner = ownerOf(path);
  return owner !== null && !isAtWork(owner.identity);
}

/** The system's code; null: it has the name. */
export function refusalToName(card: Card, path: string): string | null {
  try {
    linkSync(card.path, path);
    return null;
  } catch (error) {
    return codeOf(error) ?? "";
  }
}

/** Out of the way first, then looked at again: another may have taken it over since it was read. Never throws. */
export function clear(path: string): void {
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
export function isNamed(path: string, { inode }: Card): boolean {
  return inodeOf(path) === inode;
}

/** The name, if it is of this card still. Never throws. */
export function drop(path: string, card: Card): void {
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

/** `place`: where its tasks are, see `TaskClaims`. */
export interface Owner {
  readonly identity: ProcessIdentity;
  readonly place: string;
}

/** Of its own there may be a claim that could not be removed: no worker runs a task twice at once. */
export function livingOther(path: string): Owner | null {
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

/** Null: it is not there, or not to be seen. */
function inodeOf(path: string): number | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    return null;
  }
}
