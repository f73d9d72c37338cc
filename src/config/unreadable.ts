/** Why a file could not be read, in words for the operator. */
import { codeOf } from "../logging/words-of.ts";

/** A file that could be read, and is not: its message says why, as the predicate after a colon. */
export class FileRefusal extends Error {
  override readonly name = "FileRefusal";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of the path is not a folder",
  EISDIR: "it is a folder, not a file",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  ELOOP: "its symbolic links run in a circle",
  ENAMETOOLONG: "the path is too long",
};

/** Completes `Cannot read FILE: `. Anything may have been thrown. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof FileRefusal) return error.message;
  const code = codeOf(error);
  return code === null ? "it cannot be read" : (REASONS[code] ?? code);
}
