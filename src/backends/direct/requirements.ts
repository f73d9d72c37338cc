/** What the Direct backend needs of this host, looked at before the worker says that it is there. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import type { DirectSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { BackendUnusable } from "../../task/backend.ts";
import { isFolder, whyUnusable } from "./folder.ts";
import { findOz } from "./oz-path.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/**
 * The agent's executable, absolute. Throws BackendUnusable for what is missing. `requireRoot` sees to it that there is
 * a workspace root, which is made unless told.
 */
export function requireDirect(
  settings: DirectSettings,
  searchPath: string,
  requireRoot: (dir: string) => void = makeWorkspaceRoot,
): string {
  const oz = findOz(settings.ozPath, searchPath);
  if (settings.targetDir !== null)
    requireFolder("target folder", settings.targetDir, "target_dir (--target-dir)");
  else requireRoot(settings.workspaceRoot);
  if (needsPrivateFolders(settings)) requireTemporaryFolder(temporaryFolder());
  return oz;
}

function needsPrivateFolders({ targetDir, setupCommand, teardownCommand }: DirectSettings): boolean {
  return targetDir !== null || setupCommand !== null || teardownCommand !== null;
}

/** A container with a read-only root may have none, and then every task would be claimed, and failed. */
function requireTemporaryFolder(dir: string): void {
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new BackendUnusable(
      `Cannot make private folders of tasks in ${dir}: ${whyUnusable(dir) ?? wordsOf(error)}; set TMPDIR to a folder that this user can write`,
    );
  }
}

function makeWorkspaceRoot(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // One in which no workspace can be made would have every task claimed, and failed.
    if (isFolder(dir)) accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw rootUnusable(dir, existsSync(dir) && !isFolder(dir) ? "it is not a folder" : wordsOf(error));
  }
  requireFolder("workspace root", dir, "workspace_root");
}

export function rootUnusable(dir: string, why: string): BackendUnusable {
  return new BackendUnusable(
    `Cannot use the workspace root ${dir}: ${why}; set backend.direct.workspace_root to a folder that this user can write`,
  );
}

function requireFolder(what: string, dir: string, setting: string): void {
  const why = whyUnusable(dir);
  if (why === null) return;
  throw new BackendUnusable(`Cannot use the ${what} ${dir}: ${why}; correct backend.direct.${setting}`);
}
