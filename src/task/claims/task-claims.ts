/**
 * Which worker on this host has a task, and where, told to the others of its id. The control plane gives a task to a
 * second worker when it lost sight of the first, and two that ran it at once would do its work twice, and take each
 * other's folder and processes for their own. Beside the journals each worker has a file that names its process and
 * its folder, and for each task one more name of that file: a hard link costs a tenth of what a new file does. Only
 * a claim whose process is dead can be taken over. Who took one over leaves a note of that when it lets go of the task:
 * the dead worker's successor, which may come only then, is not to tell of an end that is not the last.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathComponentOf } from "../../journal/path-component.ts";
import {
  type Card,
  clear,
  clearDead,
  drop,
  isNamed,
  isOfDead,
  livingOther,
  makeCard,
  moveIfThere,
  type Owner,
  refusalToName,
  removeIfThere,
} from "./claim-card.ts";

/** Disposed of, it lets go of the task. `taken`: another worker, which lives, has it, and works on it in `dir`. */
export type Claim = Disposable &
  ({ readonly kind: "had" } | { readonly kind: "taken"; readonly dir: string });

const nothing = () => {};
const HAD: Claim = { kind: "had", [Symbol.dispose]: nothing };
/** Between two looks a third worker may have been quicker. */
const TRIES = 3;
/** Beside the claim itself. No task's own name has a plus in it. */
const NOTE = "+anew";
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

  /** A worker had it that is gone, and whom nobody has followed yet: what it began may go on. Does not throw. */
  isOfDead(taskId: string): boolean {
    const folder = this.folder();
    return folder !== null && isOfDead(pathIn(folder, taskId));
  }

  /** What dead workers left, once those of their tasks that were left are known here. Does not throw. */
  sweep(): void {
    const folder = this.folder();
    if (folder !== null) clearDead(folder);
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

function takenBy({ place }: Owner, taskId: string): Claim {
  return { kind: "taken", dir: dirIn(place, taskId), [Symbol.dispose]: nothing };
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
