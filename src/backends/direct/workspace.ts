/** Where a task works: a folder of its own, or the operator's target folder, which is never cleaned. */
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { wordsOf } from "../../logging/words-of.ts";
import { TaskFailure } from "../../task/backend.ts";
import { OWNER_ONLY, removeIfEmpty } from "./removal.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Longest name that a file system takes. */
const MAX_NAME_BYTES = 255;

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
  /** Where that is to be; in a new place unless told. */
  readonly scratchDir?: string | null;
}

/**
 * What `openWorkspace` makes of it, unless somebody is quicker. The private folder has its name before it is made, so that it
 * is in the journal first: a worker that was killed in between left one that nobody knew of.
 */
export function planWorkspace(dir: string, isThere: boolean, plan: WorkspacePlan): Workspace {
  const newOrPlanned = () => plan.scratchDir ?? newScratchDir();
  if (plan.targetDir === null) {
    const scratchDir = plan.needsScratch ? newOrPlanned() : null;
    return { dir, made: !isThere, scratchDir, gitConfig: gitConfigIn(dir) };
  }
  const scratchDir = newOrPlanned();
  return { dir, made: false, scratchDir, gitConfig: gitConfigIn(scratchDir) };
}

/** Made for this task, or taken as it is. Throws a TaskFailure (`workspace_setup`), and then nothing was made. */
export function openWorkspace(taskId: string, plan: WorkspacePlan): Workspace {
  if (plan.targetDir !== null) {
    if (!existsSync(plan.targetDir)) {
      throw new TaskFailure("workspace_setup", `the target folder ${plan.targetDir} is gone`);
    }
    const workspace = planWorkspace(plan.targetDir, true, plan);
    makeScratchDir(workspace);
    return workspace;
  }
  const dir = workspaceDirOf(taskId, plan.workspaceRoot);
  const workspace = planWorkspace(dir, !makeDir(dir), plan);
  try {
    makeScratchDir(workspace);
    return workspace;
  } catch (error) {
    if (workspace.made) removeIfEmpty(dir);
    throw error;
  }
}

type FolderPlan = Pick<WorkspacePlan, "workspaceRoot" | "targetDir">;

/** The folder in which a task works. Throws a TaskFailure for an id that names none. */
export function workFolderOf(taskId: string, plan: FolderPlan): string {
  return plan.targetDir ?? workspaceDirOf(taskId, plan.workspaceRoot);
}

function workspaceDirOf(taskId: string, workspaceRoot: string): string {
  return join(workspaceRoot, requirePathComponent(taskId));
}

/** As `workFolderOf`; null for an id that names none. */
export function folderFor(taskId: string, plan: FolderPlan): string | null {
  return plan.targetDir ?? (reasonAgainst(taskId) === null ? join(plan.workspaceRoot, taskId) : null);
}

/** False for the target folder, which all tasks share. */
export function isOwnFolder({ dir, gitConfig }: Workspace): boolean {
  return gitConfig === gitConfigIn(dir);
}

export function gitConfigIn(dir: string): string {
  return join(dir, ".gitconfig");
}

/** False: it was there. Whether it was is what the making itself says: a look before could be out of date. */
function makeDir(dir: string): boolean {
  try {
    mkdirSync(dir, { mode: OWNER_ONLY });
    return true;
  } catch (error) {
    if (isRealFolder(dir)) return false;
    if (!existsSync(dirname(dir))) return makeWithRoot(dir);
    throw cannotMake(dir, error);
  }
}

/** A cleaner may have taken the root while it was empty. */
function makeWithRoot(dir: string): boolean {
  try {
    mkdirSync(dir, { recursive: true, mode: OWNER_ONLY });
    return true;
  } catch (error) {
    throw cannotMake(dir, error);
  }
}

function cannotMake(dir: string, error: unknown): TaskFailure {
  return new TaskFailure("workspace_setup", `cannot make the workspace ${dir}: ${wordsOf(error)}`);
}

/** A link, even to a folder, is not one: what is behind it is not the task's. */
function isRealFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
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

/** Of a name that nobody else takes, for whoever comes after a kill removes what is there. */
function newScratchDir(): string {
  return join(temporaryFolder(), `oz-agent-worker-${crypto.randomUUID()}`);
}

function makeScratchDir({ scratchDir }: Pick<Workspace, "scratchDir">): void {
  try {
    if (scratchDir !== null) mkdirSync(scratchDir, { mode: OWNER_ONLY });
  } catch (error) {
    throw new TaskFailure("workspace_setup", `cannot make a temporary folder: ${wordsOf(error)}`);
  }
}
