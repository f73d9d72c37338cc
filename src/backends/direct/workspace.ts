/** Where a task works: a folder of its own, or the operator's target folder, which is never cleaned. */
import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskFailure } from "../../task/backend.ts";

/** Longest name that a file system takes. */
const MAX_NAME_BYTES = 255;
const OWNER_ONLY = 0o700;

export interface Workspace {
  readonly dir: string;
  /** This worker made it, so this worker removes it. A folder that was there is somebody's. */
  readonly made: boolean;
  /** A private folder for what must not lie in `dir`; null when nothing must. */
  readonly scratchDir: string | null;
  /** Where git keeps what the agent sets globally: per task, and never in the operator's home. */
  readonly gitConfig: string;
}

export interface WorkspacePlan {
  readonly workspaceRoot: string;
  readonly targetDir: string | null;
  /** A task with hooks needs a place for the environment file. */
  readonly needsScratch: boolean;
}

/** Decides, and makes only the scratch folder: the workspace itself comes after the plan is journaled. */
export function planWorkspace(taskId: string, plan: WorkspacePlan): Workspace {
  const scratchDir = plan.needsScratch || plan.targetDir !== null ? makeScratchDir() : null;
  if (plan.targetDir !== null) {
    const gitConfig = join(scratchDir ?? "", ".gitconfig");
    return { dir: plan.targetDir, made: false, scratchDir, gitConfig };
  }
  const dir = join(plan.workspaceRoot, requirePathComponent(taskId));
  return { dir, made: !existsSync(dir), scratchDir, gitConfig: join(dir, ".gitconfig") };
}

export function makeWorkspace(workspace: Workspace): void {
  try {
    if (workspace.made) mkdirSync(workspace.dir, { mode: OWNER_ONLY });
    else if (!lstatSync(workspace.dir).isDirectory()) throw new Error("it is there and is not a folder");
  } catch (error) {
    throw new TaskFailure("workspace_setup", `cannot make the workspace ${workspace.dir}: ${wordsOf(error)}`);
  }
}

/** Rejects with what the file system says; what was not made here stays. */
export async function removeWorkspace(workspace: Workspace): Promise<void> {
  if (!workspace.made || removedAsEmpty(workspace.dir)) return;
  await rm(workspace.dir, { recursive: true, force: true, maxRetries: 2 });
}

export async function removeScratchDir(workspace: Workspace): Promise<void> {
  if (workspace.scratchDir !== null) await rm(workspace.scratchDir, { recursive: true, force: true });
}

/** A task id that comes from outside names exactly one folder below the root, or the task fails. */
export function requirePathComponent(taskId: string): string {
  const why = reasonAgainst(taskId);
  if (why === null) return taskId;
  throw new TaskFailure("workspace_setup", `cannot name a workspace after this task id: ${why}`);
}

function reasonAgainst(taskId: string): string | null {
  if (taskId === "" || taskId === "." || taskId === "..") return "it is not a folder name";
  if (/[/\\]/.test(taskId)) return "it has a path separator in it";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\u0000-\u001f\u007f-\u009f]/.test(taskId)) return "it has a control character in it";
  if (taskId.startsWith("-")) return "it starts with a dash";
  if (Buffer.byteLength(taskId) > MAX_NAME_BYTES) return `it is longer than ${MAX_NAME_BYTES} bytes`;
  return null;
}

function makeScratchDir(): string {
  try {
    return mkdtempSync(join(tmpdir(), "oz-agent-worker-"));
  } catch (error) {
    throw new TaskFailure("workspace_setup", `cannot make a temporary folder: ${wordsOf(error)}`);
  }
}

/** One system call for a task that left nothing; the recursive way takes a thread. */
function removedAsEmpty(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
