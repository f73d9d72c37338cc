/** Builds the Direct backend, or says at start why it cannot run anything here. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import type { DirectSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { inheritedOpenFilesLimit } from "../../process/open-files.ts";
import { ShimClient } from "../../process/shim/client.ts";
import { BackendUnusable } from "../../task/backend.ts";
import { DirectBackend, type DirectOptions } from "./direct.ts";
import { isFolder } from "./folder.ts";
import { findOz } from "./oz-path.ts";

export interface DirectDependencies extends Omit<DirectOptions, "oz" | "shim" | "settings"> {
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
}

export function createDirectBackend(
  settings: DirectSettings,
  dependencies: DirectDependencies,
): DirectBackend {
  const { shimCommand, ...rest } = dependencies;
  const oz = findOz(settings.ozPath, dependencies.workerEnvironment["PATH"] ?? "");
  if (settings.targetDir !== null)
    requireFolder("target folder", settings.targetDir, "target_dir (--target-dir)");
  else makeWorkspaceRoot(settings.workspaceRoot);
  const shim = new ShimClient({ command: shimCommand, openFiles: inheritedOpenFilesLimit(), log: rest.log });
  return new DirectBackend({ ...rest, settings, oz, shim });
}

function makeWorkspaceRoot(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // One in which no workspace can be made would have every task claimed, and failed.
    if (isFolder(dir)) accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const why = existsSync(dir) && !isFolder(dir) ? "it is not a folder" : wordsOf(error);
    throw new BackendUnusable(
      `Cannot use the workspace root ${dir}: ${why}; set backend.direct.workspace_root to a folder that this user can write`,
    );
  }
  requireFolder("workspace root", dir, "workspace_root");
}

function requireFolder(what: string, dir: string, setting: string): void {
  if (isFolder(dir)) return;
  const why = existsSync(dir) ? "it is not a folder" : "there is no such folder";
  throw new BackendUnusable(`Cannot use the ${what} ${dir}: ${why}; correct backend.direct.${setting}`);
}
