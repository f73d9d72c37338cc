/** What becomes of a workspace when its task has ended. */
import { rmSync } from "node:fs";
import { wordsOf } from "../../logging/words-of.ts";
import type { RunContext } from "../../task/backend.ts";
import type { Discards } from "./discards.ts";
import { environmentFileIn } from "./hook.ts";
import { removeFolder } from "./removal.ts";
import { gitConfigIn, type Workspace } from "./workspace.ts";

type Context = Pick<RunContext, "step" | "log" | "linger">;

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
  context: Context,
): Promise<void> {
  // What setup told the task is in it: not a moment longer than needed.
  if (scratchDir !== null) await removed(scratchDir, removeScratch, context);
  if (!made || keep) return;
  const gone = discards.take(dir);
  if (gone === null) {
    await removed(dir, removeFolder, context);
    return;
  }
  const told = removed(dir, () => gone, context);
  context.linger?.(told);
}

/**
 * What is in it as a rule goes here and now: all folders are removed by as many threads as there are processors, and
 * those may be busy for seconds with what other tasks left.
 */
async function removeScratch(dir: string): Promise<void> {
  try {
    for (const file of [environmentFileIn(dir), gitConfigIn(dir)]) rmSync(file, { force: true });
  } catch {
    // Whatever it is instead, it goes with the folder.
  }
  await removeFolder(dir);
}

/** Never rejects. */
async function removed(
  dir: string,
  remove: (dir: string) => Promise<void>,
  { step, log }: Context,
): Promise<void> {
  try {
    await step("cleanup", () => remove(dir));
  } catch (error) {
    log.warn("cannot remove the workspace", { dir, error: wordsOf(error) });
  }
}
