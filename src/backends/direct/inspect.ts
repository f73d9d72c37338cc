/** What the Direct backend needs, looked at without making the workspace root. */
import type { DirectSettings } from "../../config/settings.ts";
import { lookAtFolder } from "../../process/makeable-folder.ts";
import { requireDirect, rootUnusable } from "./requirements.ts";

/** What was found, in words. Throws BackendUnusable as a start does. */
export function inspectDirect(settings: DirectSettings, searchPath: string): string {
  const oz = requireDirect(settings, searchPath, requireMakeable);
  const { targetDir, workspaceRoot } = settings;
  return `the agent is ${oz}, and works ${targetDir === null ? `below ${workspaceRoot}` : `in ${targetDir}`}`;
}

function requireMakeable(dir: string): void {
  const { why } = lookAtFolder(dir);
  if (why !== null) throw rootUnusable(dir, why);
}
