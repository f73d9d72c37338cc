/**
 * Ends what tasks left behind whose worker was killed before it had looked after them: nobody else knows of
 * it. Such a process has the mark of a workspace that is gone, and a workspace goes when its task has ended.
 */
import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { never, pause } from "../../async/wait.ts";
import { NO_GROUP } from "../../process/process-table.ts";
import { stopTree } from "../../process/process-tree.ts";
import type { Mark, Survey, Surveyor } from "../../process/stragglers.ts";
import { MARK_NAME } from "./environment.ts";
import { gitConfigIn } from "./workspace.ts";

/** The start has more urgent things to do, and a look at all processes takes milliseconds. */
const LOOK_AFTER_MS = 1_000;

export interface ForsakenOptions {
  readonly surveyor: Surveyor;
  readonly workspaceRoot: string;
  readonly graceMs: number;
}

/** Once, a moment after the start. Never rejects. */
export async function endForsaken(options: ForsakenOptions, signal: AbortSignal): Promise<void> {
  const { surveyor, workspaceRoot, graceMs } = options;
  await pause(LOOK_AFTER_MS, signal);
  if (signal.aborted) return;
  const survey = await surveyor.survey();
  const forsaken = survey.marks.filter((mark) => isGone(mark, workspaceRoot) && !isAtWork(mark, survey));
  await Promise.all(
    forsaken.map((mark) =>
      stopTree(
        { groupId: NO_GROUP, mark, leaderExited: Promise.resolve() },
        { surveyor, graceMs, hurry: never() },
      ),
    ),
  );
}

function isGone(mark: Mark, workspaceRoot: string): boolean {
  const gitConfig = mark.slice(MARK_NAME.length + 1);
  const dir = dirname(gitConfig);
  if (gitConfig !== gitConfigIn(dir) || dirname(dir) !== workspaceRoot || basename(dir) === "") return false;
  return !existsSync(dir);
}

/** An agent may remove its own workspace and go on: somebody waits for it then. */
function isAtWork(mark: Mark, { membersOf }: Survey): boolean {
  return membersOf(NO_GROUP, mark).some(({ pid, groupId, parentPid }) => pid === groupId && parentPid > 1);
}
