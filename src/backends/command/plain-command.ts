/**
 * Whether shell text is provably the call of a program that is not there. Most shell text proves
 * nothing, and is left to the shell.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findOnPath, isExecutable } from "../../process/executable.ts";
import { BackendUnusable } from "../../task/backend.ts";

/** No quote, no variable, no assignment: the shell takes it as it stands. */
const PLAIN_WORD = /^[\w./+@%:-]+$/;
/** After these the first word may be a fallback's, a condition's, or a function's name. */
const SHELL_SYNTAX = /[|&;<>(){}`\n]/;

/** The words that some /bin/sh knows without a program: those of POSIX, of dash, bash, ksh and busybox. */
const BUILT_IN: ReadonlySet<string> = new Set(
  [
    ". : [ [[ ! alias bg bind break builtin caller case cd chdir command compgen complete continue coproc",
    "declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function",
    "getopts hash hist history if in jobs kill let local logout mapfile newgrp nohup popd print printf pushd",
    "pwd read readarray readonly return select set shift shopt source suspend test then time times trap true",
    "type typeset ulimit umask unalias unset until wait while",
  ]
    .join(" ")
    .split(" "),
);

export interface CommandPlace {
  readonly cwd: string;
  /** Undefined: the shell has one of its own. */
  readonly searchPath: string | undefined;
}

/** Throws BackendUnusable, with what to do. `setting` names where the text stands. */
export function requireProgram(text: string, setting: string, place: CommandPlace): void {
  const [word = ""] = text.trim().split(/\s+/);
  if (!PLAIN_WORD.test(word) || SHELL_SYNTAX.test(text.trim())) return;
  const why = word.includes("/") ? pathProblem(resolve(place.cwd, word)) : nameProblem(word, place);
  if (why === null) return;
  throw new BackendUnusable(`Cannot run ${setting}: ${word}: ${why}; install it or correct ${setting}`);
}

/**
 * The text for `sh -c`, so that a program's own end is what is seen of it. Some shells, Debian's among them, stay as its
 * parent, and a SIGTERM for both ends the shell first: with 143, whatever the program then makes of it.
 */
export function inPlaceOfShell(text: string): string {
  const [word = ""] = text.trim().split(/\s+/);
  const isProgram = word.includes("/") && PLAIN_WORD.test(word) && !SHELL_SYNTAX.test(text.trim());
  return isProgram ? `exec ${text.trim()}` : text;
}

function pathProblem(path: string): string | null {
  if (isExecutable(path)) return null;
  return existsSync(path) ? "it is not an executable file" : "there is no such file";
}

function nameProblem(name: string, { searchPath }: CommandPlace): string | null {
  if (BUILT_IN.has(name) || searchPath === undefined || findOnPath(name, searchPath) !== null) return null;
  return `there is no such program on PATH (${searchPath || "PATH is empty"})`;
}
