/**
 * Takes out of a container's export what is not its image's: an engine lays places for its own mounts
 * into each container, such as an empty `etc/hosts`. Everything else goes through byte by byte, but for links that
 * an engine would refuse.
 */
import type { ByteStream } from "../engine/calls.ts";
import { EngineGone } from "../engine/errors.ts";
import { correctionOf } from "./climbing-links.ts";
import { hasTarMagic, paddedBytes, plainPath, readTarUnit, TAR_TYPES, type TarUnit } from "./tar-unit.ts";

/** Each only if it holds nothing. */
const ENGINES_FOLDERS: readonly string[] = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"];
const ENGINES_FILES: readonly string[] = [
  ".dockerenv",
  "dev/console",
  "etc/hostname",
  "etc/hosts",
  "etc/resolv.conf",
];
const MTAB = { path: "etc/mtab", link: "/proc/mounts" };

/** @throws EngineGone for what is no whole archive: half an image must not be taken for all of it */
export async function* imageFilesOf(archive: ByteStream): ByteStream {
  const sieve = new Sieve();
  for await (const bytes of archive) yield* sieve.push(bytes);
  yield* sieve.end();
}

class Sieve {
  /** The beginning of what cannot be read before its end has come. */
  #rest = new Uint8Array(0);
  /** Of the present file, padding included. */
  #dataLeft = 0;
  /** What is left out unless something needs it, in the order in which it came. */
  readonly #held = new Map<string, Uint8Array>();
  #anything = false;
  /** Nothing is left out any more. */
  #open = false;

  /** In as few pieces as came: each costs a write. */
  push(more: Uint8Array): Uint8Array[] {
    if (this.#open) return [more];
    const bytes = this.#rest.length === 0 ? more : joined(this.#rest, more);
    const pieces: Uint8Array[] = [];
    let from = 0;
    let at = 0;
    const passUntil = (to: number, ...released: Uint8Array[]) => {
      if (to > from) pieces.push(bytes.subarray(from, to));
      pieces.push(...released);
      from = to;
    };
    while (at < bytes.length) {
      const part = Math.min(this.#dataLeft, bytes.length - at);
      this.#dataLeft -= part;
      at += part;
      if (at === bytes.length) break;
      const unit = readTarUnit(bytes, at);
      if (unit === "more") break;
      if (typeof unit === "string") {
        if (!this.#anything && this.#held.size === 0 && unit === "strange" && !hasTarMagic(bytes, at))
          throw new EngineGone("The container engine gave something else for an image's files");
        passUntil(at, ...this.#giveUp(unit));
        at = bytes.length;
        break;
      }
      const next = at + unit.headBytes;
      if (isEngines(unit)) {
        passUntil(at);
        this.#held.set(unit.path, bytes.slice(at, next));
        from = next;
      } else {
        const needed = this.#neededBy(unit);
        const correction = correctionOf(unit);
        if (correction !== null) needed.push(correction);
        if (needed.length > 0) passUntil(at, ...needed);
        // The root itself is no file in it.
        this.#anything ||= unit.path !== "";
        this.#dataLeft = paddedBytes(unit.sizeBytes);
      }
      at = next;
    }
    passUntil(at);
    this.#rest = bytes.slice(at);
    return pieces;
  }

  end(): Uint8Array[] {
    if (!this.#open) throw new EngineGone("The container engine ended an image's files before their end");
    return [];
  }

  /** At the archive's end, or at what nobody here understands: all that follows goes through. */
  #giveUp(why: "end" | "strange"): Uint8Array[] {
    this.#open = true;
    if (why === "strange") return [...this.#held.values()];
    // An engine fills an empty volume with what the task's image has at that place.
    return this.#anything ? [] : [...this.#held.values()].slice(0, 1);
  }

  /** The folders that it is in, and the file that it is another name of. */
  #neededBy({ path, type, link }: TarUnit): Uint8Array[] {
    if (this.#held.size === 0) return [];
    const names = foldersOf(path);
    if (type === TAR_TYPES.hardLink) names.push(...foldersOf(plainPath(link)), plainPath(link));
    return names.flatMap((name) => {
      const found = this.#held.get(name);
      this.#held.delete(name);
      return found === undefined ? [] : [found];
    });
  }
}

function isEngines({ path, type, link, sizeBytes }: TarUnit): boolean {
  switch (type) {
    case TAR_TYPES.folder:
      return ENGINES_FOLDERS.includes(path);
    case TAR_TYPES.file:
      return sizeBytes === 0 && ENGINES_FILES.includes(path);
    case TAR_TYPES.symlink:
      return path === MTAB.path && link === MTAB.link;
    default:
      return false;
  }
}

/** `a`, `a/b` of `a/b/c`. */
function foldersOf(path: string): string[] {
  const names: string[] = [];
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) names.push(path.slice(0, at));
  return names;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
