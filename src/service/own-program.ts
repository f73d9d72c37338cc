/** Where a service is to find this program. */
import { realpathSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";

export interface StartedAs {
  /** As it was typed. */
  readonly argv0: string;
  /** The file itself, whatever links led to it. */
  readonly execPath: string;
}

/**
 * The link by which it was started, where that is the way to it: who keeps versions side by side exchanges the link,
 * and with the file's own path the service would go on with the old version after its restart.
 * @param path the variable PATH
 */
export function ownProgram({ argv0, execPath }: StartedAs, path: string | undefined, cwd: string): string {
  const folders = (path ?? "").split(delimiter).filter((folder) => folder !== "");
  // Found by its own folder: another way there, such as /bin for /usr/bin, is no better.
  if (folders.includes(dirname(execPath))) return execPath;
  const places = argv0.includes("/") ? [argv0] : folders.map((folder) => join(folder, argv0));
  const absolute = places.map((place) => resolve(cwd, place));
  return absolute.find((place) => leadsTo(place, execPath)) ?? execPath;
}

function leadsTo(place: string, execPath: string): boolean {
  try {
    return realpathSync(place) === realpathSync(execPath);
  } catch {
    // Nothing is there, or nothing that can be looked at.
    return false;
  }
}
