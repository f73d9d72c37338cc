/**
 * What of `tests/binary` is not run under Deno: what cannot hold there, and what could not but hold, because no
 * runtime decides it. The second costs more time than it tells; `scripts/test deno-whole` runs it too.
 */

export interface FileLeftOut {
  readonly what: string;
  readonly why: string;
}

export interface TestLeftOut extends FileLeftOut {
  /** What it is described by; empty for a test that stands alone. With an empty `what`: all that is described so. */
  readonly within: string;
}

export interface LeftOut {
  readonly files: readonly FileLeftOut[];
  readonly tests: readonly TestLeftOut[];
}

export const CANNOT_HOLD: LeftOut = {
  files: [
    {
      what: "tests/binary/resident-memory.test.ts",
      why: "Deno's own executable is not looked into",
    },
    {
      what: "tests/binary/blocked-signals.test.ts",
      why: "Deno waits for events with the mask that it inherited, and so hears of no signal that is blocked",
    },
    {
      what: "tests/binary/unreadable-program.test.ts",
      why: "a program is made unreadable, and the sources are none",
    },
  ],
  tests: [
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
  ],
};

export const SPARED: LeftOut = {
  files: [
    { what: "tests/binary/slow-link.test.ts", why: "minutes of true time, for timers that are no runtime's" },
    {
      what: "tests/binary/bad-input.test.ts",
      why: "a start for each of many command lines and files, which are refused before a runtime is asked for more than them",
    },
    ...["contract", "dedupe"].map((name) => ({
      what: `tests/binary/${name}.test.ts`,
      why: "what is said and when, of which nothing is a runtime's",
    })),
    ...["drain", "retirement"].map((name) => ({
      what: `tests/binary/${name}.test.ts`,
      why: "when a worker goes, which no runtime decides; how it goes is in stop.test.ts, which runs",
    })),
    ...["escapees", "strangers"].map((name) => ({
      what: `tests/binary/${name}.test.ts`,
      why: "whose a folder or a process is, by names and /proc, which no runtime has a part in",
    })),
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
      what: "tests/binary/command-siblings.test.ts",
      why: "who has a task is read from files; that a dead daemon is told from a living one is seen by siblings.test.ts, which runs",
    },
    ...["chaos", "command-chaos"].map((name) => ({
      what: `tests/binary/${name}.test.ts`,
      why: "half a minute of faults at random moments, which no runtime decides; each by itself is tried by files that run",
    })),
    {
      what: "tests/binary/service.test.ts",
      why: "a service starts the executable, and the sources are none",
    },
    {
      what: "tests/binary/half-started.test.ts",
      why: "what is killed between two steps, of which the rows and files tell that crash.test.ts sees taken over",
    },
    {
      what: "tests/binary/hooks.test.ts",
      why: "/bin/sh is started as an agent is, with an environment that no runtime has a part in",
    },
  ],
  tests: [
    ...[
      { within: "a daemon killed in the middle of its tasks", what: "right after a claim" },
      { within: "a daemon killed in the middle of its tasks", what: "again and again" },
      { within: "terminal messages", what: "50 of 50" },
      { within: "terminal messages", what: "240 of 240" },
      { within: "", what: "300 tasks run while it is scraped every 100 ms" },
      { within: "", what: "TRACES" },
    ].map((test) => ({ ...test, why: "the same again and again; once is seen by the others of its file" })),
    {
      within: "a task that is given to a second daemon of the host",
      what: "",
      why: "who has a task is read from files; that a dead daemon is told from a living one is seen by those of siblings",
    },
    ...[
      { within: "a daemon killed while setup_command runs", what: "" },
      { within: "a daemon killed while teardown_command runs", what: "" },
      { within: "", what: "a daemon killed while it removes what a task left" },
      { within: "", what: "a task cancelled before a kill is cancelled although its agent ended meanwhile" },
      { within: "", what: "a worker with another backend says of a task taken over" },
    ].map((test) => ({
      ...test,
      why: "what a killed daemon left is found by the same rows and marks as in the others of crash.test.ts",
    })),
    ...[
      "dead: nobody listens",
      "slow: never answers",
      "sending elsewhere",
      "showing back",
      "refusing every time",
      "asking to come back next year",
      "lying",
      "that is told a header with a colon",
      "that speaks another protocol does not get the token in its address shown",
      "with a short interval it is told of soon",
      "one that is slow to start",
    ].map((what) => ({
      within: "a bad collector costs one warning and no task",
      what,
      why: "what it says is read and told by the same module, whoever brought the answer",
    })),
    ...[
      { within: "a start with a wrong setting", what: "" },
      { within: "mistakes of the command line and the configuration", what: "" },
      { within: "what only makes it worse is a warning, and ends with 0:", what: "" },
      { within: "a state folder that cannot be used", what: "/proc/oz-state" },
      { within: "a state folder that cannot be used", what: "/dev/null/below" },
      { within: "a proxy", what: "is passed by for what NO_PROXY" },
    ].map((test) => ({ ...test, why: "what is read, judged and said of it is no runtime's" })),
  ],
};
