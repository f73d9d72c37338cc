/** Finds the agent's executable, at start and not at the first task. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findOnPath, isExecutable } from "../../process/executable.ts";
import { BackendUnusable } from "../../task/backend.ts";

/** `configured` null: `oz` on `searchPath`. Absolute, because tasks have another working directory. */
export function findOz(configured: string | null, searchPath: string): string {
  if (configured !== null) {
    const path = configured.includes("/") ? resolve(configured) : findOnPath(configured, searchPath);
    if (path !== null && isExecutable(path)) return path;
    throw new BackendUnusable(
      `Cannot use the agent "${configured}" (oz_path): ${path !== null && existsSync(path) ? "it is not an executable file" : "there is no such file"}; install the oz CLI or correct backend.direct.oz_path`,
    );
  }
  const found = findOnPath("oz", searchPath);
  if (found !== null) return found;
  throw new BackendUnusable(
    `Cannot find the agent "oz" on PATH (${searchPath || "PATH is empty"}); install the oz CLI or set backend.direct.oz_path`,
  );
}
