/** What the Direct backend needs, looked at without making any of its folders. */
import type { DirectSettings } from "../../config/settings.ts";
import { lookAtFolder } from "../../process/makeable-folder.ts";
import { notWritable, requireDirect } from "./requirements.ts";

/** What was found, in words. Throws BackendUnusable as a start does. */
export function inspectDirect(settings: DirectSettings, searchPath: string): string {
  const oz = requireDirect(settings, searchPath, requireMakeable);
  const { targetDir, workspaceRoot } = settings;
  return `the agent is ${oz}, and works ${targetDir === null ? `below ${workspaceRoot}` : `in ${targetDir}`}`;
}

function requireMakeable(what: string, dir: string, setting: string): void {
  const { why } = lookAtFolder(dir);
  if (why !== null) throw notWritable({ what, dir, setting, why });
}
