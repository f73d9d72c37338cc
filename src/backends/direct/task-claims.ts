/**
 * Which worker on this host has a task, and where, told to the others of its id: a link beside their journals, named
 * for the task, that leads nowhere and names a process and a folder. The control plane gives a task to a second
 * worker when it lost sight of the first, and two that ran it at once would do its work twice, and take each
 * other's folder and processes for their own. Only a claim whose process is dead can be taken over.
 */
import { mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "../../process/process-table.ts";

/** Disposed of, it lets go of the task. `taken`: another worker, which lives, has it, and works on it in `dir`. */
export type Claim = Disposable &
  ({ readonly kind: "had" } | { readonly kind: "taken"; readonly dir: string });

const nothing = () => {};
/** Between two looks a third worker may have been quicker. */
const TRIES = 3;
const MAX_NAME = 200;

export class TaskClaims {
  private readonly exitsDir: () => string | null;
  private self: string | null = null;

  /** `exitsDir` null: no state folder, so nobody can be told. Asked when a task comes. */
  constructor(exitsDir: () => string | null) {
    this.exitsDir = exitsDir;
  }

  /** To work on in `dir`. Where nothing can be written down the task is had without. */
  take(taskId: string, dir: string): Claim {
    const exitsDir = this.exitsDir();
    const without: Claim = { kind: "had", [Symbol.dispose]: nothing };
    if (exitsDir === null) return without;
    this.self ??= nameOfSelf();
    const text = `${this.self}|${dir}`;
    const path = join(dirname(exitsDir), "claims", fileNameOf(taskId));
    const claim: Claim = { kind: "had", [Symbol.dispose]: () => drop(path, text) };
    for (let tries = 0; tries < TRIES; tries++) {
      const made = tryMake(path, text);
      if (made === "made") return claim;
      if (made === "impossible") return without;
      const found = readLink(path);
      const owner = found === null ? null : readOwner(found);
      // Of its own there may be one that could not be removed: no worker runs a task twice at once.
      const isOthers = owner !== null && owner.identity.pid !== process.pid;
      if (isOthers && isAlive(owner.identity))
        return { kind: "taken", dir: owner.dir, [Symbol.dispose]: nothing };
      if (found !== null) clear(path, found);
    }
    return without;
  }
}

function tryMake(path: string, text: string): "made" | "there" | "impossible" {
  try {
    symlinkSync(text, path);
    return "made";
  } catch (error) {
    if (codeOf(error) === "EEXIST") return "there";
    return codeOf(error) === "ENOENT" ? makeWithFolder(path, text) : "impossible";
  }
}

function makeWithFolder(path: string, text: string): "made" | "there" | "impossible" {
  try {
    mkdirSync(dirname(path), { mode: 0o700, recursive: true });
    symlinkSync(text, path);
    return "made";
  } catch (error) {
    return codeOf(error) === "EEXIST" ? "there" : "impossible";
  }
}

/** Out of the way first, then looked at: another may have taken it over since it was read. */
function clear(path: string, dead: string): void {
  // No task's own name has a plus in it.
  const aside = `${path}+${process.pid}`;
  try {
    renameSync(path, aside);
    if (readLink(aside) === dead) rmSync(aside, { force: true });
    else renameSync(aside, path);
  } catch {
    // Somebody else has just cleared it.
  }
}

function drop(path: string, text: string): void {
  try {
    if (readLink(path) === text) rmSync(path, { force: true });
  } catch {
    // Whoever finds it looks whether this process lives.
  }
}

function nameOfSelf(): string {
  const { pid, startedAt, bootId } = identify(process.pid) ?? { pid: process.pid, startedAt: "", bootId: "" };
  return [pid, startedAt, bootId].join("|");
}

/** Null: it is no claim of this version. */
function readOwner(text: string): { readonly identity: ProcessIdentity; readonly dir: string } | null {
  const [, pid, startedAt = "", bootId = "", dir = ""] = /^(\d+)\|([^|]*)\|([^|]*)\|(.*)$/s.exec(text) ?? [];
  return pid === undefined ? null : { identity: { pid: Number(pid), startedAt, bootId }, dir };
}

/** One path component, whatever the id. */
function fileNameOf(taskId: string): string {
  const name = encodeURIComponent(taskId.toWellFormed()).replace(/^\./, "%2E");
  if (name.length <= MAX_NAME) return name;
  // Loaded for such a name only: the module costs an idle worker 3 MB.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const digest = createHash("sha256").update(taskId).digest("hex").slice(0, 32);
  return `${name.slice(0, MAX_NAME - digest.length - 1)}-${digest}`;
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}
