/** The file to whose end a child writes, opened so that whoever may write to its folder gains nothing by being first. */
import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../logging/words-of.ts";

/** An agent may show what it was told in confidence. */
const OWNER_ONLY = 0o600;

/**
 * Without O_NOFOLLOW a link in its place leads a worker that is root to any file of the host. Without O_NONBLOCK a pipe
 * that an agent had put there held the whole daemon until somebody read it; a file is the same with it.
 */
const FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What the system says of a link, and of a pipe that nobody reads, tells an operator nothing. */
const CODES_OF_NO_FILE: readonly (string | null)[] = ["ELOOP", "ENXIO"];

/** Made when it is missing. Throws the system's error, or one that says why the file that is there is not written to. */
export function openOutputFile(file: string): number {
  const descriptor = open(file);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new Error(NO_FILE);
    // Some file systems know one owner for all that is on them, whoever makes it: that of the folder.
    if (found.uid !== process.geteuid?.() && found.uid !== statSync(dirname(file)).uid)
      throw new Error("another user has made it, who could read what is written");
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

const NO_FILE = "it is not a regular file, but a link, a pipe or a device";

function open(file: string): number {
  try {
    return openSync(file, FLAGS, OWNER_ONLY);
  } catch (error) {
    if (CODES_OF_NO_FILE.includes(codeOf(error))) throw new Error(NO_FILE, { cause: error });
    throw error;
  }
}
