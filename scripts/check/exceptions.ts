/** Where a rule does not hold, and why. One that excuses nothing any more is itself a finding. */
import type { Exception } from "./rule.ts";

export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: "waits",
    file: "tests/support/wait.ts",
    reason: "the one polling place of the tests, for what tells nobody when it changes",
  },
];
