/**
 * The tests of the running program again, with the same sources under Deno in place of the executable;
 * and what is left out of them, because it cannot hold there.
 */
import { join } from "node:path";
import { runFiles, type Surroundings, testFiles } from "./step.ts";
import { sum, type Tally } from "./tally.ts";

interface LeftOut {
  /** A file below tests/, or the beginning of the name of a test. */
  readonly what: string;
  readonly why: string;
}

export const FILES_LEFT_OUT: readonly LeftOut[] = [
  { what: "tests/binary/slow-link.test.ts", why: "minutes of true time, for timers that are no runtime's" },
];

export const TESTS_LEFT_OUT: readonly LeftOut[] = [
  {
    what: "an upgrade that replaces the executable under a running worker",
    why: "the sources are no single file that stays open: what starts later is read from the disk",
  },
  {
    what: "an agent that fails to start at all",
    why: "Deno hands a file that is no program to /bin/sh, as a shell does",
  },
];

/** Mostly they wait for processes to start, so that two cores hold more than two. */
const AT_ONCE = 3;

export async function runUnderDeno(here: Surroundings): Promise<Tally> {
  const program = join(here.root, "scripts/deno-worker");
  for (const { what, why } of [...FILES_LEFT_OUT, ...TESTS_LEFT_OUT])
    here.write(`left out: ${what}: ${why}\n`);
  const found = await testFiles(here, "binary");
  const files = found.filter((file) => !FILES_LEFT_OUT.some(({ what }) => what === file));
  const groups = Array.from({ length: AT_ONCE }, (_, group) =>
    files.filter((_, at) => at % AT_ONCE === group),
  );
  const runs = groups.map((group, index) =>
    runFiles({ ...here, binary: program }, group, {
      env: {},
      except: TESTS_LEFT_OUT.map(({ what }) => what),
      output: index === 0 ? "inherit" : "late",
    }),
  );
  return sum(await Promise.all(runs));
}
