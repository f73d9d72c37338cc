/**
 * How soon the just-in-time compiler compiles what runs again and again: as a multiple of the runs after which it does so by
 * itself.
 */
import { isCompiled } from "./self.ts";

/** As the executable is built, see `--compile-jit-policy` in scripts: a start, and what a worker at rest does, gain nothing. */
const AT_REST = 20;
const AT_WORK = 1;
const RARELY = 2_000;

/** A task has begun. What each of them runs through is compiled after some hundred, and takes a fifth less from then on. */
export function compileForTasks(): void {
  if (isCompiled()) Bun.unsafe.setJITPolicy(AT_WORK);
}

/**
 * Runs `work` while the compiler holds back, and leaves it as it is at rest, until the next task. What is done once a minute
 * is as quick without it, and the compiler's own pages are 6 MB of resident memory.
 */
export function rarely<T>(work: () => T): T {
  if (!isCompiled()) return work();
  Bun.unsafe.setJITPolicy(RARELY);
  try {
    return work();
  } finally {
    Bun.unsafe.setJITPolicy(AT_REST);
  }
}
