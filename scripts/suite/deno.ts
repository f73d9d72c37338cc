/**
 * The tests of the running program again, with the same sources under Deno in place of the executable;
 * and what is left out of them, because it cannot hold there.
 */
import { join } from "node:path";
import { runShared, type Surroundings, testFiles } from "./step.ts";
import { ONE_SKIPPED, type Tally } from "./tally.ts";

interface FileLeftOut {
  readonly what: string;
  readonly why: string;
}

interface TestLeftOut extends FileLeftOut {
  /** What it is described by; empty for a test that stands alone. With an empty `what`: all that is described so. */
  readonly within: string;
}

export const FILES_LEFT_OUT: readonly FileLeftOut[] = [
  { what: "tests/binary/slow-link.test.ts", why: "minutes of true time, for timers that are no runtime's" },
  {
    what: "tests/binary/bad-input.test.ts",
    why: "a start for each of many command lines and files, which are refused before a runtime is asked for more than them",
  },
  {
    what: "tests/binary/resident-memory.test.ts",
    why: "Deno's own executable is not looked into",
  },
  ...["contract", "dedupe"].map((name) => ({
    what: `tests/binary/${name}.test.ts`,
    why: "what is said and when, of which nothing is a runtime's",
  })),
  ...["drain", "retirement"].map((name) => ({
    what: `tests/binary/${name}.test.ts`,
    why: "when a worker goes, which no runtime decides; how it goes is in stop.test.ts, which runs",
  })),
  {
    what: "tests/binary/strangers.test.ts",
    why: "whose a folder or a process is, by names and /proc, which no runtime has a part in",
  },
  {
    what: "tests/binary/blocked-signals.test.ts",
    why: "Deno waits for events with the mask that it inherited, and so hears of no signal that is blocked",
  },
  {
    what: "tests/binary/unreadable-program.test.ts",
    why: "a program is made unreadable, and the sources are none",
  },
  ...["cleanup", "unproven"].map((name) => ({
    what: `tests/binary/kubernetes-${name}.test.ts`,
    why: "which Jobs are deleted and when, over the calls that kubernetes-stop.test.ts makes",
  })),
  ...["cancel", "crash", "dispatch", "kubectl", "metrics", "payload", "secrecy", "start", "stop"].map(
    (name) => ({
      what: `tests/binary/command-${name}.test.ts`,
      why: "the processes are started, found and ended as the Direct backend's are, whose tests run",
    }),
  ),
  {
    what: "tests/binary/half-started.test.ts",
    why: "what is killed between two steps, of which the rows and files tell that crash.test.ts sees taken over",
  },
  {
    what: "tests/binary/hooks.test.ts",
    why: "/bin/sh is started as an agent is, with an environment that no runtime has a part in",
  },
];

export const TESTS_LEFT_OUT: readonly TestLeftOut[] = [
  {
    within: "",
    what: "an upgrade that replaces the executable under a running worker costs no task",
    why: "the sources are no single file that stays open: what starts later is read from the disk",
  },
  {
    within: "",
    what: "a link by which the program is found is what the unit starts",
    why: "a service starts the executable, and the sources are none",
  },
  {
    within: "",
    what: "a worker whose folder was removed before it started works with absolute paths",
    why: "Deno does not start without a working folder",
  },
  {
    within: "what it cannot start for a limit is told with that:",
    what: "",
    why: "without a descriptor to be had Deno says that an argument is invalid",
  },
  ...[
    { within: "a daemon killed in the middle of its tasks", what: "right after a claim" },
    { within: "terminal messages", what: "50 of 50" },
    { within: "terminal messages", what: "240 of 240" },
  ].map((test) => ({ ...test, why: "the same again and again; once is seen by the others of its file" })),
  {
    within: "a task that is given to a second daemon of the host",
    what: "",
    why: "who has a task is read from files; that a dead daemon is told from a living one is seen by those of siblings",
  },
  ...[
    "dead: nobody listens",
    "refusing every time",
    "asking to come back next year",
    "lying",
    "that is told a header with a colon",
    "one that is slow to start",
  ].map((what) => ({
    within: "a bad collector costs one warning and no task",
    what,
    why: "what it says is read and told by the same module, whoever brought the answer",
  })),
  {
    within: "an agent that fails",
    what: "to start at all is reported without an exit status",
    why: "Deno hands a file that is no program to /bin/sh, as a shell does",
  },
  {
    within: "",
    what: "a task for which it cannot be started is told the limit, and the next one runs when that was raised",
    why: "without a descriptor to be had Deno itself ends now and then",
  },
  ...[
    "has its say in the worker, and ends there: neither shim, hooks nor agent have it",
    "and BUN_BE_BUN=1 makes it the bare runtime, as the documentation says",
  ].map((what) => ({
    within: "BUN_OPTIONS, which the runtime in the executable obeys,",
    what,
    why: "these are variables of Bun",
  })),
];

const AT_ONCE = 5;

export async function runUnderDeno(here: Surroundings): Promise<Tally> {
  const program = join(here.root, "scripts/deno-worker");
  const [deno] = new Bun.Glob("node_modules/@deno/*/deno").scanSync({ cwd: here.root });
  if (deno === undefined) {
    here.write("skip  there is no Deno among the packages of this platform\n");
    return ONE_SKIPPED;
  }
  for (const { what, why } of FILES_LEFT_OUT) here.write(`left out: ${what}: ${why}\n`);
  for (const { within, what, why } of TESTS_LEFT_OUT)
    here.write(`left out: ${`${within} ${what}`.trim()}: ${why}\n`);
  const found = await testFiles(here, "binary");
  const files = found.filter((file) => !FILES_LEFT_OUT.some(({ what }) => what === file));
  const except = TESTS_LEFT_OUT.map(({ within, what }) => `${within} ${what}`.trim());
  return await runShared({ ...here, binary: program }, files, { env: {}, atOnce: AT_ONCE, except });
}
