/** The compiled program's `completions`: a script on standard output, with nothing of this host in it. */
import { expect, test } from "bun:test";
import { renderCompletions } from "../../src/cli/completions.ts";
import { SHELLS } from "../../src/cli/completions-request.ts";
import { workerCommand } from "../support/worker-process.ts";

function completions(...args: readonly string[]) {
  // A config file or a key that is asked for is missed here.
  const env = { PATH: process.env["PATH"] ?? "" };
  const { exitCode, stdout, stderr } = Bun.spawnSync([...workerCommand(), "completions", ...args], {
    cwd: "/",
    env,
    stdin: "ignore",
  });
  return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

test.each(SHELLS)("completions %s prints the script that the packages have", (shell) => {
  expect(completions(shell)).toEqual({ status: 0, stdout: renderCompletions(shell), stderr: "" });
});

test.each([
  [[], "No shell is given"],
  [["powershell"], 'Unknown shell "powershell"'],
])("completions %p is a mistake, and the shells are named", (args, problem) => {
  const choice = "completions takes one of bash, zsh, fish";
  expect(completions(...args)).toEqual({
    status: 2,
    stdout: "",
    stderr: `oz-agent-worker: ${problem}; ${choice}\n`,
  });
});
