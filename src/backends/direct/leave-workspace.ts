/** What becomes of a workspace when its task has ended. */
import { wordsOf } from "../../logging/words-of.ts";
import type { RunContext } from "../../task/backend.ts";
import type { Discards } from "./discards.ts";
import { removeFolder } from "./removal.ts";
import type { Workspace } from "./workspace.ts";

export interface LeaveOptions {
  /** The workspace itself stays, for somebody to look at. */
  readonly keep: boolean;
  readonly discards: Discards;
}

/**
 * What was made for the task is gone from its place when this resolves, which it always does. How long it takes to
 * remove what the agent left there is nothing that the task's report has to wait for, if it can be moved.
 */
export async function leaveWorkspace(
  { dir, made, scratchDir }: Workspace,
  { keep, discards }: LeaveOptions,
  context: Pick<RunContext, "step" | "log">,
): Promise<void> {
  // What setup told the task is in it: not a moment longer than needed.
  if (scratchDir !== null) await removed(scratchDir, removeFolder, context);
  if (!made || keep) return;
  const gone = discards.take(dir);
  if (gone === null) await removed(dir, removeFolder, context);
  else void removed(dir, () => gone, context);
}

/** Never rejects. */
async function removed(
  dir: string,
  remove: (dir: string) => Promise<void>,
  { step, log }: Pick<RunContext, "step" | "log">,
): Promise<void> {
  try {
    await step("cleanup", () => remove(dir));
  } catch (error) {
    log.warn("cannot remove the workspace", { dir, error: wordsOf(error) });
  }
}
