/** What the journal keeps of a Direct task, to find it again. */
import type { Handle } from "../../journal/execution.ts";
import {
  numberOrNull,
  readIdentity,
  readShim,
  textOrNull,
  writeIdentity,
  writeShim,
} from "../../process/identity-record.ts";
import type { ProcessIdentity } from "../../process/process-table.ts";
import type { Workspace } from "./workspace.ts";

export interface DirectHandle {
  readonly workspace: Workspace;
  readonly harness: string;
  /** Null where there is no state folder; then nothing survives the daemon anyway. */
  readonly exitFile: string | null;
  /** The setup is over, so what runs in the workspace from now on is the agent. */
  readonly begun: boolean;
  /** A worker that shut down has told the agent to end, and may not have lived to see it end. */
  readonly stopping: boolean;
  /**
   * When, in ms since 1970, also where that was because its time was over; null: it has not, or by a version that did not
   * say.
   */
  readonly stoppedAt: number | null;
  /** Null before the agent was started, and heard of. */
  readonly process: ProcessIdentity | null;
  /** Its parent, which knows how it ends. */
  readonly shim?: ProcessIdentity | undefined;
}

export function writeHandle(handle: DirectHandle): Handle {
  const { workspace, harness, exitFile, begun, stopping, stoppedAt, process, shim } = handle;
  return {
    dir: workspace.dir,
    made: workspace.made,
    scratchDir: workspace.scratchDir,
    gitConfig: workspace.gitConfig,
    harness,
    exitFile,
    begun,
    stopping,
    stoppedAt,
    ...writeIdentity(process),
    ...writeShim(shim),
  };
}

/** Null for a handle of another backend or of a version that wrote other fields. */
export function readHandle(handle: Handle | null): DirectHandle | null {
  if (handle === null) return null;
  const { dir, made, scratchDir, gitConfig, harness, exitFile, begun, stopping, stoppedAt, pid } = handle;
  if (typeof dir !== "string" || typeof gitConfig !== "string") return null;
  return {
    workspace: { dir, made: made === true, scratchDir: textOrNull(scratchDir), gitConfig },
    harness: textOrNull(harness) ?? "",
    exitFile: textOrNull(exitFile),
    begun: begun === true || typeof pid === "number",
    stopping: stopping === true,
    stoppedAt: numberOrNull(stoppedAt),
    process: readIdentity(handle),
    shim: readShim(handle),
  };
}

/** Where it was worked; null: no handle, or none of ours. */
export function folderIn(handle: Handle | undefined): string | null {
  return readHandle(handle ?? null)?.workspace.dir ?? null;
}
