/** What the journal keeps of a dispatch, to find it again. Nothing of the payload. */
import type { Handle } from "../../journal/execution.ts";
import {
  readIdentity,
  readShim,
  textOrNull,
  writeIdentity,
  writeShim,
} from "../../process/identity-record.ts";
import type { ProcessIdentity } from "../../process/process-table.ts";

/** Why a worker has told a dispatch to end, which it may not have lived to see. */
const ENDINGS = ["over-time", "shutdown", "timeout"] as const;
export type Ending = (typeof ENDINGS)[number];

export interface DispatchHandle {
  /** Where its exit status goes when nobody is there to hear it; null where there is no state folder. */
  readonly exitFile: string | null;
  /** When it is over time, in ms since 1970. */
  readonly deadline: number;
  /** Null: nobody has told it to end. A cancellation stands in the journal anyway. */
  readonly ending: Ending | null;
  /** Null before it was started. */
  readonly process: ProcessIdentity | null;
  /** Its parent, which knows how it ends. */
  readonly shim?: ProcessIdentity | undefined;
}

export function writeHandle({ exitFile, deadline, ending, process, shim }: DispatchHandle): Handle {
  return {
    exitFile,
    deadline,
    ending,
    ...writeIdentity(process),
    ...writeShim(shim),
  };
}

/** Null for a handle of another backend or of a version that wrote other fields. */
export function readHandle(handle: Handle | null): DispatchHandle | null {
  if (handle === null) return null;
  const { exitFile, deadline, ending } = handle;
  if (typeof deadline !== "number") return null;
  return {
    exitFile: textOrNull(exitFile),
    deadline,
    ending: ENDINGS.find((known) => known === ending) ?? null,
    process: readIdentity(handle),
    shim: readShim(handle),
  };
}
