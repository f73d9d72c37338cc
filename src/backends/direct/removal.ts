/** How a folder that a task worked in is removed, with whatever an agent left there. */
import { rmdirSync } from "node:fs";
import { join } from "node:path";
import { mountedIn } from "./mounts.ts";

export const OWNER_ONLY = 0o700;

/** Rejects with what the file system says, or when something is mounted in it; one that is not there is removed. */
export async function removeFolder(dir: string): Promise<void> {
  if (removeIfEmpty(dir)) return;
  const point = await mountedIn(dir);
  if (point !== null) throw new Error(`something is mounted at ${point}; unmount it and remove the folder`);
  // Off the main thread: an agent may leave a hundred thousand files.
  const { rm } = await import("node:fs/promises");
  const remove = () => rm(dir, { recursive: true, force: true, maxRetries: 2 });
  try {
    await remove();
  } catch {
    // Folders that may not be changed, as Go's module cache makes them: root does not mind, others have to.
    await openFolders(dir);
    await remove();
  }
}

/** True when it was, and is gone. One system call for a task that left nothing; the recursive way takes a thread. */
export function removeIfEmpty(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

/** Every folder below, and not what a link leads to. Never rejects: what is another user's stays as it is. */
async function openFolders(dir: string): Promise<void> {
  const { chmod, readdir } = await import("node:fs/promises");
  await chmod(dir, OWNER_ONLY).catch(() => {});
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await openFolders(join(dir, entry.name));
  }
}
