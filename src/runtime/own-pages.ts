/** The pages of this very executable that are in memory: most of what the process is shown to hold. */
import { readFileSync, readlinkSync } from "node:fs";
import { buildIdOf } from "./build-id.ts";
import { openCLibrary } from "./c-library.ts";
import { rarely } from "./jit-policy.ts";
import { type Mapping, partsOf, unchangedOf, unwritableMappings } from "./mappings.ts";
import { ownExecutable } from "./own-executable.ts";
import { BUILD_ID, startParts } from "./start-parts.ts";

export interface OwnPages {
  /** What only a start uses. Nothing where that is not known of this build of the runtime. */
  giveBackStart(): void;
  /** Of which the next task brings a good part back. */
  giveBackAll(): void;
}

/** Of madvise(2): first to be evicted, and not mapped any more. */
const COLD = 20;
const DONT_NEED = 4;

/**
 * What gives them back: those that are used again come back from the page cache, some microseconds each.
 * They are made cold before, or the kernel would take each for one that was in use until now, and evict
 * what others use. Null where this cannot be done.
 */
export function openOwnPages(): OwnPages | null {
  if (process.platform !== "linux" || isEmulated()) return null;
  const library = openCLibrary({
    getpagesize: { args: [], returns: "i32" },
    madvise: { args: ["u64", "u64", "i32"], returns: "i32" },
  });
  if (library === null) return null;
  const pageBytes = library.getpagesize();
  const giveBack = (parts: readonly Mapping[]) => {
    for (const { start, bytes } of unchanged(parts, pageBytes)) {
      for (const advice of [COLD, DONT_NEED]) library.madvise(start, bytes, advice);
    }
  };
  return {
    giveBackStart: () => {
      if (ownBuildId() === BUILD_ID) giveBack(partsOf(ownMappings(), startParts()));
    },
    // A loop over all pages, once in a while: compiled it would be kept.
    giveBackAll: () => rarely(() => giveBack(ownMappings())),
  };
}

function ownBuildId(): string | null {
  try {
    return buildIdOf(`${PROC}/exe`);
  } catch {
    return null;
  }
}

/** By its number: what an emulator shows under /proc/self is made up. */
const PROC = `/proc/${process.pid}`;

/** None where /proc does not tell. */
function ownMappings(): Mapping[] {
  try {
    return unwritableMappings(readFileSync(`${PROC}/maps`, "latin1"), readlinkSync(`${PROC}/exe`));
  } catch {
    return [];
  }
}

function unchanged(parts: readonly Mapping[], pageBytes: number): Mapping[] {
  try {
    return unchangedOf(parts, { pagemap: `${PROC}/pagemap`, pageBytes });
  } catch {
    return [];
  }
}

/** The kernel's addresses are the emulator's then, and in here something else may be at them. */
function isEmulated(): boolean {
  return ownExecutable(`${PROC}/exe`, process.execPath) !== `${PROC}/exe`;
}
