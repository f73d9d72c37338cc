/** Work that runs too seldom to be worth compiling. */

import { isCompiled } from "./self.ts";

/** As the executable is built; see `--compile-jit-policy` in scripts. */
const USUAL_POLICY = 20;
const RELUCTANT_POLICY = 2_000;

/**
 * Runs `work` while the just-in-time compiler holds back. What is done once a minute is as quick
 * without it, and the compiler's own pages are 6 MB of resident memory.
 */
export function rarely<T>(work: () => T): T {
  if (!isCompiled()) return work();
  Bun.unsafe.setJITPolicy(RELUCTANT_POLICY);
  try {
    return work();
  } finally {
    Bun.unsafe.setJITPolicy(USUAL_POLICY);
  }
}
