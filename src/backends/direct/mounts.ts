/**
 * What is mounted in a workspace. An agent may leave a mount behind (a bind mount, sshfs, an overlay), and
 * what lies below it is not the task's: to remove a folder with everything in it would empty somebody's
 * home folder or bucket, for a removal does not stop at a mount point of itself.
 */
import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Where it is; null: nothing is, or the system does not say. */
export async function mountedIn(dir: string): Promise<string | null> {
  const { readFile } = await import("node:fs/promises");
  // Bytes, not characters: a folder's name need not be text. As this process sees it: what was mounted
  // in a namespace of the agent's own is gone with it, and not reached from here.
  const table = await readFile("/proc/self/mountinfo", "latin1").catch(() => "");
  return mountPointIn(table, realPathOf(dir));
}

/** @param table the lines of /proc/PID/mountinfo, `dir` a real path */
export function mountPointIn(table: string, dir: string): string | null {
  const folder = Buffer.from(dir).toString("latin1");
  for (const line of table.split("\n")) {
    const point = unescaped(line.split(" ", 5)[4] ?? "");
    if (point === folder || point.startsWith(`${folder}/`)) return Buffer.from(point, "latin1").toString();
  }
  return null;
}

/** The kernel writes a blank, a tab, a newline and a backslash as three octal digits. */
function unescaped(name: string): string {
  return name.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Not where the last name leads, should it be a link by now: of a link, the link alone is removed. */
function realPathOf(dir: string): string {
  try {
    return join(realpathSync(dirname(dir)), basename(dir));
  } catch {
    return dir;
  }
}
