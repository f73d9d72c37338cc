/** What the Direct backend needs of this host, looked at before the worker says that it is there. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import type { DirectSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { BackendUnusable } from "../../task/backend.ts";
import { isFolder, whyUnusable } from "./folder.ts";
import { findOz } from "./oz-path.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Sees to it that a folder can be written: `what` it is, and the setting that names it. Throws BackendUnusable. */
export type RequireWritable = (what: string, dir: string, setting: string) => void;

/**
 * The agent's executable, absolute. Throws BackendUnusable for what is missing. `requireWritable` makes folders that
 * are not there, unless told.
 */
export function requireDirect(
  settings: DirectSettings,
  searchPath: string,
  requireWritable: RequireWritable = makeWritable,
): string {
  const { targetDir, workspaceRoot, logDir } = settings;
  const oz = findOz(settings.ozPath, searchPath);
  if (targetDir !== null) requireFolder("target folder", targetDir, "target_dir (--target-dir)");
  else requireWritable("workspace root", workspaceRoot, "workspace_root");
  if (logDir !== null) requireWritable("folder of tasks' output", logDir, "log_dir");
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

function makeWritable(what: string, dir: string, setting: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // One in which nothing can be made would have every task claimed, and failed.
    if (isFolder(dir)) accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = existsSync(dir) && !isFolder(dir) ? "it is not a folder" : wordsOf(error);
    throw notWritable({ what, dir, setting, why });
  }
  requireFolder(what, dir, setting);
}

export function notWritable(found: {
  readonly what: string;
  readonly dir: string;
  readonly setting: string;
  readonly why: string;
}): BackendUnusable {
  const { what, dir, setting, why } = found;
  return new BackendUnusable(
    `Cannot use the ${what} ${dir}: ${why}; set backend.direct.${setting} to a folder that this user can write`,
  );
}

function requireFolder(what: string, dir: string, setting: string): void {
  const why = whyUnusable(dir);
  if (why === null) return;
  throw new BackendUnusable(`Cannot use the ${what} ${dir}: ${why}; correct backend.direct.${setting}`);
}
