import { describe, expect, test } from "bun:test";
import { type CommandLine, parseCommandLine } from "../../../src/cli/parse.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import type { FlagValues } from "../../../src/config/flag-values.ts";

function run(...args: string[]): FlagValues {
  const line = parseCommandLine(args);
  if (line.command !== "run") throw new Error(`not run but ${line.command}`);
  return line.flags;
}

function dev(...args: string[]): Extract<CommandLine, { command: "dev" }> {
  const line = parseCommandLine(["dev", ...args]);
  if (line.command !== "dev") throw new Error(`not dev but ${line.command}`);
  return line;
}

function thrown(...args: string[]): readonly string[] {
  try {
    parseCommandLine(args);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the command", () => {
  const TABLE: readonly [readonly string[], object][] = [
    [[], { command: "run" }],
    [["--worker-id", "x"], { command: "run" }],
    [["run", "--worker-id", "x"], { command: "run" }],
    [["dev"], { command: "dev" }],
    [["doctor"], { command: "doctor", json: false }],
    [["doctor", "--json", "--worker-id", "x"], { command: "doctor", json: true }],
    [["doctor", "--config-only"], { command: "doctor", configOnly: true }],
    [["doctor", "--version"], { command: "version", json: false }],
    [["help", "doctor"], { command: "help", topic: "doctor" }],
    [["version"], { command: "version", json: false }],
    [["version", "--json"], { command: "version", json: true }],
    [["completions", "fish"], { command: "completions", shell: "fish" }],
    [["completions", "-h"], { command: "help", topic: "completions" }],
    [["--version"], { command: "version", json: false }],
    [["run", "--version"], { command: "version", json: false }],
    [["--help"], { command: "help", topic: null }],
    [["-h"], { command: "help", topic: null }],
    [["help"], { command: "help", topic: null }],
    [["help", "help"], { command: "help", topic: null }],
    [["help", "dev"], { command: "help", topic: "dev" }],
    [["dev", "-h"], { command: "help", topic: "dev" }],
    [["--wrong", "--help"], { command: "help", topic: null }],
  ];
  test.each(TABLE)("of %p", (args, expected) => {
    expect(parseCommandLine(args)).toMatchObject(expected);
  });

  const WRONG: readonly [readonly string[], string][] = [
    [
      ["rnu"],
      'Unknown command "rnu"; there are run, doctor, version, health, service, dev, completions and help',
    ],
    [["vresion"], 'Unknown command "vresion" (did you mean "version"?)'],
    [
      ["start"],
      'Unknown command "start"; there are run, doctor, version, health, service, dev, completions and help',
    ],
    [["worker.yaml"], 'Unknown command "worker.yaml"; the config file is given by --config-file'],
    [
      ["version", "worker.yaml"],
      'Unexpected argument "worker.yaml"; this command takes flags only, and the name of a command comes before them',
    ],
    [
      ["help", "me"],
      'Unknown command "me"; there are run, doctor, version, health, service, dev, completions and help',
    ],
    [["completions"], "No shell is given; completions takes one of bash, zsh, fish"],
    [["completions", "ksh"], 'Unknown shell "ksh"; completions takes one of bash, zsh, fish'],
    [["completions", "bash", "zsh"], 'Unexpected argument "zsh"; completions takes one of bash, zsh, fish'],
    [["completions", "bash", "--json"], "Unknown flag --json"],
    [["version", "--jsno"], 'Unknown flag --jsno (did you mean "--json"?)'],
    [
      ["version", "now"],
      'Unexpected argument "now"; this command takes flags only, and the name of a command comes before them',
    ],
  ];
  test.each(WRONG)("of %p is none", (args, expected) => {
    expect(thrown(...args)).toEqual([expected]);
  });
});

describe("flags that are right", () => {
  // Unit files and charts have it from Go's parsers, where a switch may be given its value.
  test.each([
    [["--no-cleanup"], true],
    [["--no-cleanup=true"], true],
    [["--no-cleanup=1"], true],
    [["--no-cleanup=false"], false],
    [["--no-cleanup=0"], false],
    [["--no-cleanup", "--no-cleanup=false"], false],
    [["--no-cleanup=false", "--no-cleanup"], true],
  ])("%j keeps workspaces: %p", (args, noCleanup) => {
    const flags = run(...args);
    expect([flags.noCleanup, flags.problems]).toEqual([noCleanup, []]);
  });

  test("may be joined to their value or not, repeat where they may, and else the last wins", () => {
    const flags = run(
      ...[
        "--worker-id=a",
        "--worker-id",
        "b",
        "--log-level",
        "debug",
        "--max-concurrent-tasks=4",
        "--no-cleanup",
      ],
      ...[
        "-v",
        "/a:/b",
        "--volumes=/c:/d:ro",
        "-v/e:/f",
        "-e",
        "A=1",
        "--env",
        "B",
        "-eC=3",
        "-e=D=4",
        "--env=E=-1",
      ],
      ...["--api-key", "k", "--config-file", "-", "--backend", "docker", "--target-dir", "/t"],
    );
    expect(flags.problems).toEqual([]);
    expect(flags).toMatchObject({
      settings: {
        worker_id: "b",
        log_level: "debug",
        max_concurrent_tasks: 4,
        backend: { direct: { target_dir: "/t" } },
      },
      noCleanup: true,
      volumes: ["/a:/b", "/c:/d:ro", "/e:/f"],
      environment: ["A=1", "B", "C=3", "D=4", "E=-1"],
      apiKey: "k",
      configFile: "-",
      backend: "docker",
    });
  });

  test("a wrong value that a right one replaces does no harm", () => {
    expect(run("--log-level", "loud", "--log-level", "warn").problems).toEqual([]);
  });

  test("the hidden ones work", () => {
    const flags = run(
      "--web-socket-url=ws://h/p?q=1",
      "--server-root-url",
      "http://h",
      "--session-sharing-server-url",
      "ws://s",
    );
    expect(flags.problems).toEqual([]);
    expect(flags).toMatchObject({
      webSocketUrl: "ws://h/p?q=1",
      serverRootUrl: "http://h",
      sessionSharingServerUrl: "ws://s",
    });
  });

  test("nothing given is nothing set", () => {
    expect(run()).toEqual({
      settings: {},
      apiKey: null,
      configFile: null,
      backend: null,
      volumes: [],
      environment: [],
      noCleanup: false,
      stopAtEndOfInput: false,
      scratchDir: null,
      webSocketUrl: null,
      serverRootUrl: null,
      sessionSharingServerUrl: null,
      problems: [],
      broken: new Set(),
    });
  });
});

describe("flags that are wrong", () => {
  const TABLE: readonly [string, readonly string[], readonly string[]][] = [
    ["a missing value at the end", ["--worker-id"], ["--worker-id needs a value"]],
    ["a missing value of a short flag", ["-e"], ["-e needs a value"]],
    [
      "a missing value before another flag, which still counts",
      ["--worker-id", "--log-level", "loud"],
      [
        "--worker-id needs a value, but the flag --log-level follows",
        '--log-level must be one of debug, info, warn, error, not "loud"',
      ],
    ],
    [
      "a missing value before a short flag",
      ["--worker-id", "-eA=1"],
      ["--worker-id needs a value, but the flag -e follows"],
    ],
    [
      "a value with a dash, not shown as it may be a secret",
      ["--api-key", "-s3cret"],
      ['--api-key needs a value, and what follows starts with "-"; write --api-key=VALUE if it is one'],
    ],
    [
      "a negative count",
      ["--max-concurrent-tasks", "-1"],
      ["--max-concurrent-tasks must be a whole number of 0 or more, not -1"],
    ],
    [
      "a negative count after an equal sign",
      ["--max-concurrent-tasks=-1"],
      ["--max-concurrent-tasks must be a whole number of 0 or more, not -1"],
    ],
    [
      "a home folder that no shell has put in place",
      ["--state-dir=~/state"],
      ['--state-dir must be a path that does not start with "~", which only a shell knows, not "~/state"'],
    ],
    [
      "no number",
      ["--max-concurrent-tasks", "x"],
      ['--max-concurrent-tasks must be a whole number of 0 or more, not "x"'],
    ],
    [
      "half a task",
      ["--max-concurrent-tasks", "1.5"],
      ["--max-concurrent-tasks must be a whole number of 0 or more, not 1.5"],
    ],
    [
      "an empty count",
      ["--max-concurrent-tasks="],
      ["--max-concurrent-tasks must be a whole number of 0 or more"],
    ],
    [
      "a reserved id",
      ["--worker-id", "warp-1"],
      ['--worker-id must not start with "warp", which is reserved; it is "warp-1"'],
    ],
    ["an empty id", ["--worker-id="], ["--worker-id must not be empty"]],
    [
      "an id with a space at its end",
      ["--worker-id", "a "],
      ['--worker-id must not start or end with white space; it is "a "'],
    ],
    [
      "a duration without a unit",
      ["--idle-on-complete", "45"],
      ['--idle-on-complete must be a duration such as "45m", "1h 30m" or "0s", not "45"'],
    ],
    [
      "an unknown backend",
      ["--backend", "dockr"],
      ['--backend must be one of docker, kubernetes, direct, command, not "dockr" (did you mean "docker"?)'],
    ],
    [
      "a value for a switch that is neither",
      ["--no-cleanup=maybe"],
      ['--no-cleanup is true or false, not "maybe"; without a value it is true'],
    ],
    [
      "a stray word",
      ["--no-cleanup", "stray"],
      [
        'Unexpected argument "stray"; this command takes flags only, and the name of a command comes before them',
      ],
    ],
    [
      "a config file without its flag",
      ["run", "worker.yml"],
      ['Unexpected argument "worker.yml"; the config file is given by --config-file'],
    ],
    [
      "words after the end of flags",
      ["--", "--worker-id"],
      [
        'Unexpected argument "--worker-id"; this command takes flags only, and the name of a command comes before them',
      ],
    ],
    [
      "a command that is not first",
      ["--worker-id", "x", "run"],
      [
        'Unexpected argument "run"; this command takes flags only, and the name of a command comes before them',
      ],
    ],
    [
      "the rest of a secret, not shown",
      ["-e", "A=s3cret", "s3cret"],
      [
        "Unexpected argument after --env; quote a value with spaces, and give the name of a command before the flags",
      ],
    ],
    [
      "the rest of a secret with spaces around its =, not shown",
      ["--env", "TOKEN", "=", "s3cret"],
      Array(2).fill(
        "Unexpected argument after --env; quote a value with spaces, and give the name of a command before the flags",
      ),
    ],
    [
      "a secret that is glued to its flag, not shown",
      ["--api-keys3cret-of-mine"],
      ['Unknown flag --api-key... (did you mean "--api-key"?)'],
    ],
    [
      "an unknown flag and its value",
      ["--wroker-id", "x"],
      ['Unknown flag --wroker-id (did you mean "--worker-id"?)'],
    ],
    ["an underscore", ["--worker_id=x"], ['Unknown flag --worker_id (did you mean "--worker-id"?)']],
    [
      "one dash for two, which Go's parser takes",
      ["-worker-id", "x"],
      ['Unknown flag -worker-id (did you mean "--worker-id"?)'],
    ],
    [
      "an unknown flag with a secret, not shown",
      ["--api-keyy=s3cret"],
      ['Unknown flag --api-keyy (did you mean "--api-key"?)'],
    ],
    ["an unknown short flag with what may be a secret", ["-xs3cret"], ["Unknown flag -x"]],
    ["a flag that is far from all", ["--colour"], ["Unknown flag --colour"]],
    ["a hidden flag is no suggestion", ["--web-socket-ur=x"], ["Unknown flag --web-socket-ur"]],
    [
      "names that every object has",
      ["--constructor", "--__proto__=x"],
      ["Unknown flag --constructor", "Unknown flag --__proto__"],
    ],
    [
      "white space in a variable's name",
      ["-e", "A B=s3cret"],
      ['--env has white space in the variable name "A B"; write KEY=VALUE or KEY'],
    ],
    [
      "an empty variable's name",
      ["-e", "=x", "-e="],
      Array(2).fill("--env has an empty variable name; write KEY=VALUE or KEY"),
    ],
    [
      "a relative volume",
      ["-v", "data:/x"],
      [
        '--volumes must be HOST:CONTAINER, HOST:CONTAINER:ro or HOST:CONTAINER:rw with absolute paths (the host\'s path is relative, or the name of a volume, which cannot be mounted), not "data:/x"',
      ],
    ],
    [
      "an http URL for the socket, not shown for its password",
      ["--web-socket-url", "http://u:s3cret@h"],
      ["--web-socket-url must be a URL that starts with ws:// or wss://, without a fragment"],
    ],
    ["a fragment", ["--web-socket-url", "ws://h/#x"], [expect.stringContaining("without a fragment")]],
    [
      "no URL",
      ["--server-root-url", "app"],
      ['--server-root-url must be a URL that starts with http:// or https://, without a fragment, not "app"'],
    ],
  ];
  test.each(TABLE)("%s", (_name, args, expected) => {
    const { problems } = run(...args);
    expect(problems).toEqual([...expected]);
    expect(problems.join()).not.toContain("s3cret");
  });

  test("are remembered, so that they are not called missing too", () => {
    expect([...run("--worker-id").broken].sort()).toEqual(["worker-id", "worker_id"]);
    expect([...run("--wroker-id", "x").broken].sort()).toEqual(["worker-id", "worker_id"]);
  });

  test("are told all at once", () => {
    expect(
      run("--nope", "--max-concurrent-tasks", "-1", "--backend", "--log-format", "xml").problems,
    ).toHaveLength(4);
  });
});

describe("the dev command", () => {
  test("takes its own flags, those of run, and assignment files without a flag", () => {
    const {
      dev: own,
      flags,
      workerArgs,
    } = dev(
      ...[
        "--prompt",
        "a",
        "one.json",
        "--prompt=b",
        "--assignment",
        "two.json",
        "--port",
        "0",
        "--exit-when-done",
      ],
      ...["--drop-every", "5s", "--freeze=1m", "--refuse", "401"],
      ...["--backend", "direct", "-e", "A=-1 x", "--no-cleanup", "--api-key", "k", "--worker-id", "w"],
      ...["--web-socket-url", "ws://h", "--config-file", "c.yaml"],
    );
    expect(flags.problems).toEqual([]);
    expect(own).toEqual({
      prompts: ["a", "b"],
      assignmentFiles: ["two.json", "one.json"],
      port: 0,
      exitWhenDone: true,
      dropEveryMs: 5_000,
      freezeMs: 60_000,
      refuseStatus: 401,
    });
    expect(flags).toMatchObject({ settings: { worker_id: "w" }, backend: "direct", noCleanup: true });
    // What points a worker elsewhere is left out.
    expect(workerArgs).toEqual(["--backend=direct", "--env=A=-1 x", "--no-cleanup", "--config-file=c.yaml"]);
  });

  test("tells its wrong flags with the others", () => {
    const { flags } = dev(
      "--port",
      "70000",
      "--refuse",
      "200",
      "--drop-every",
      "0s",
      "--prompt=",
      "--freeze",
      "soon",
      "--backend",
      "x",
    );
    expect(flags.problems).toEqual([
      "--prompt must not be empty",
      "--port must be a whole number from 0 to 65535, not 70000",
      '--drop-every must be longer than 0s, not "0s"',
      expect.stringContaining("--freeze must be a duration"),
      "--refuse must be a whole number from 400 to 599, not 200",
      expect.stringContaining("--backend must be one of"),
    ]);
  });

  test("has flags that run does not know", () => {
    expect(run("--prompt", "x").problems).toEqual(["Unknown flag --prompt"]);
  });
});
