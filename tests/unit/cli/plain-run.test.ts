import { describe, expect, test } from "bun:test";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { readPlainRun } from "../../../src/cli/plain-run.ts";
import type { FlagValues } from "../../../src/config/flag-values.ts";
import { runFlag, runFlags } from "../../../src/config/flags.ts";

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
  ["--env", "A=1", "--env=B", "--volumes", "/a:/b:ro"],
  ["--worker-id=-x", "--api-key=a=b", "--worker-id="],
  ["--worker-id", ""],
  ["--worker-id", "two\nlines", "--worker-id=two\nlines"],
  ["--max-concurrent-tasks", "x", "--backend", "podman"],
  ["--log-level", "loud", "--env", "=x", "--volumes", "/a"],
  ["--web-socket-url", "http://x", "--worker-id", "warp-1"],
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
];

test.each(Object.entries(runFlags()))("the flag --%s alone is what it is among all", (name, def) => {
  expect(runFlag(name)).toMatchObject({ type: def.type, description: def.description });
  expect(runFlag(name)?.setting?.path).toEqual(def.setting?.path);
});

test.each(["constructor", "worker_id", "cleanup", "oz-path", ""])("there is no flag --%s", (name) => {
  expect(runFlag(name)).toBeNull();
});

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
    const flags = Object.keys(runFlags()).flatMap((name) => [`--${name}`, `--${name}=1`, `--${name}=`]);
    const words = [...flags, "run", "x", "-", "--", "-e", "-eA", "1", "", "=", "--x", "A=1=2", "/a:/b"];
    let read = 0;
    for (const first of words) {
      for (const second of words) {
        for (const third of ["--worker-id", "x", "-x"]) {
          const argv = [first, second, third];
          const plain = readPlainRun(argv);
          if (plain === null) continue;
          read += 1;
          expect(plain, argv.join(" ")).toEqual(longWay(argv));
        }
      }
    }
    expect(read).toBeGreaterThan(500);
  });
});
