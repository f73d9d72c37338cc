import { describe, expect, test } from "bun:test";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { readPlainRun } from "../../../src/cli/plain-run.ts";
import type { FlagValues } from "../../../src/config/flag-values.ts";
import { runFlags } from "../../../src/config/flags.ts";

function longWay(argv: readonly string[]): FlagValues {
  const line = parseCommandLine(argv);
  if (line.command !== "run") throw new Error(`not run but ${line.command}`);
  return line.flags;
}

const PLAIN: readonly (readonly string[])[] = [
  [],
  ["run"],
  ["--config-file", "/etc/oz/config.yaml"],
  ["run", "--worker-id=prod-1", "--backend", "direct"],
  ["--worker-id", "a", "--worker-id", "b"],
  ["--env", "A=1", "--env=B", "--volumes", "/a:/b:ro", "--env", "C=two\nlines"],
  ["--api-key=a=b", "--api-key-file", "/run/secrets/key"],
  ["--api-key="],
  ["--max-concurrent-tasks", "007", "--idle-on-complete", "1h 30m", "--target-dir=/srv/x"],
  ["--log-level", "debug", "--log-format=json", "--state-dir", "./state", "--health-address", ":8152"],
  ["--web-socket-url", "ws://127.0.0.1:1/x?y=1", "--server-root-url", "https://a.example"],
  ["--session-sharing-server-url=wss://b.example/"],
];

/** Right or wrong, each has something in it that only the long way may judge. */
const NOT_PLAIN: readonly (readonly string[])[] = [
  ["--help"],
  ["-v", "/a:/b"],
  ["--no-cleanup"],
  ["--no-cleanup=false"],
  ["--stop-at-end-of-input"],
  ["--worker-id"],
  ["--worker-id", "-x"],
  ["--api-key", "-"],
  ["--worker-id", "--backend", "direct"],
  ["--worker", "x"],
  ["--constructor", "x"],
  ["--WORKER-ID", "x"],
  ["-worker-id", "x"],
  ["--", "--worker-id", "x"],
  ["stray"],
  ["--worker-id", "x", "stray"],
  ["--worker-id", "x", "run"],
  ["run", "run"],
  ["dev", "--worker-id", "x"],
  ["version"],
  [""],
  ["--worker-id=-x", "--worker-id="],
  ["--worker-id", ""],
  ["--worker-id", "two\nlines"],
  ["--worker-id", "warp-1"],
  ["--worker-id", "a", "--worker-id", " b"],
  ["--max-concurrent-tasks", "x"],
  ["--max-concurrent-tasks=-1"],
  ["--max-concurrent-tasks", "1.5"],
  ["--backend", "podman"],
  ["--log-level", "loud"],
  ["--log-format", ""],
  ["--state-dir", "~/x"],
  ["--env", "=x"],
  ["--volumes", "/a"],
  ["--web-socket-url", "http://x"],
  ["--web-socket-url", "ws://x#y"],
  ["--server-root-url", "ws://x"],
  ["--config-file="],
  ["--target-dir="],
  ["--idle-on-complete", "soon"],
  ["--health-address", "8152"],
];

describe("readPlainRun", () => {
  test.each(PLAIN.map((argv) => [argv]))("reads what the long way reads: %j", (argv) => {
    const plain = readPlainRun(argv);
    expect(plain).not.toBeNull();
    expect(plain).toEqual(longWay(argv));
  });

  test.each(NOT_PLAIN.map((argv) => [argv]))("leaves to the long way: %j", (argv) => {
    expect(readPlainRun(argv)).toBeNull();
  });

  test("never differs from the long way, whatever words are put together", () => {
    const flags = valueFlags().flatMap((name) => [
      `--${name}`,
      ...VALUES.map((value) => `--${name}=${value}`),
    ]);
    const words = [...flags, ...VALUES, "run", "-", "--", "-e", "-eA", "--x"];
    let read = 0;
    for (const first of words) {
      for (const second of words) {
        const argv = [first, second];
        const plain = readPlainRun(argv);
        if (plain === null) continue;
        read += 1;
        expect(plain, argv.join(" ")).toEqual(longWay(argv));
      }
    }
    expect(read).toBeGreaterThan(2_000);
  });

  test.each(valueFlags().map((name) => [name]))("knows --%s", (name) => {
    const read = VALUES.filter((value) => readPlainRun([`--${name}=${value}`]) !== null);
    expect(read).not.toEqual([]);
  });
});

function valueFlags(): string[] {
  return Object.entries(runFlags()).flatMap(([name, { type }]) => (type === "boolean" ? [] : [name]));
}

/** For each flag one that is right at least, and many that are not. */
const VALUES: readonly string[] = [
  ...[
    "",
    "x",
    " x",
    "1",
    "-1",
    "1e3",
    "99999999999",
    "warp-1",
    "~/x",
    "/x",
    "direct",
    "debug",
    "json",
    "45m",
  ],
  ...[":80", ":99999", "A=1=2", "A B=1", "/a:/b", "/a:/b:no", "ws://x", "https://x/y", "https://1.2.3.999"],
  ...["two\nlines", "\u00e4", "ws://x#y"],
];
