/** How this program starts itself again. */
import { ownExecutable } from "./own-executable.ts";

/**
 * The argv prefix of this very program. On Linux the running executable is named through /proc, so
 * that one which an upgrade has replaced on disk still starts its own kind and not its successor. Not by
 * its pid: of a program that its user may run and not read, or that has a group's powers, the kernel shows
 * that name to the process itself alone, and a child that is about to become the program is still that one.
 */
export function ownCommand(): string[] {
  const executable = ownExecutable("/proc/self/exe", process.execPath);
  return isCompiled() ? [executable] : [executable, Bun.main];
}

/** A compiled program's sources live in a file system of their own. */
export function isCompiled(): boolean {
  return Bun.main.startsWith("/$bunfs/") || /^[A-Z]:[\\/]~BUN[\\/]/i.test(Bun.main);
}

/** What runs this program. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
}

export function runtimeOf(): Runtime {
  return { name: "bun", version: Bun.version };
}
