/** What the compiled program's commands say on standard output, to readers of every kind. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { FakeAgent } from "../support/fake-agent.ts";
import { TempDir } from "../support/temp-dir.ts";
import { within } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";

/** The program into a pipe, or whatever `shell` makes of it, which sees it as "$@". */
async function run(shell: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn(["/bin/sh", "-c", shell, "sh", ...workerCommand(), ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nowhere", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await within(child.exited, "the shell"), stdout, stderr };
}

test("a long status comes whole, to a reader that takes its time too; it was once cut where a pipe was full", async () => {
  const status = JSON.stringify({ tasks: "x".repeat(2_000_000) });
  await using worker = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(status) });
  const slowly = '"$@" | { dd bs=1 count=5000 2>/dev/null; cat; }';
  const asked = await run(slowly, ["health", "--status", "--address", `127.0.0.1:${worker.port}`]);
  expect({ ...asked, stdout: asked.stdout === status }).toEqual({ status: 0, stdout: true, stderr: "" });
});

test.each(["version", "--help"])(
  "%s that cannot be written is a sentence and a status, not a piece of the runtime",
  async (word) => {
    expect(await run('"$@" >/dev/full', [word])).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^oz-agent-worker: Cannot write to standard output: [^\n]*no space left on device[^\n]*\n$/i,
      ),
    });
  },
);

test("dev whose reader leaves stops as if it was asked to: its worker in order, and nothing stays behind", async () => {
  await using dir = await TempDir.create("dev-left");
  const agent = await FakeAgent.create(dir);
  const direct = { workspace_root: await dir.mkdir("ws"), oz_path: agent.path };
  const config = await dir.write("worker.yaml", JSON.stringify({ worker_id: "w", backend: { direct } }));
  const temporary = await dir.mkdir("tmp");
  const { stdout, stderr } = await run(
    '"$@" | sed "/ assigned /q"',
    ["dev", "--config-file", config, "--prompt", "one", "--prompt", "two", "--prompt", "three"],
    { TMPDIR: temporary },
  );
  expect(stdout).toMatch(/^Control plane on [\s\S]* assigned "one"\n$/);
  expect(stderr).toContain("stopping; another signal ends the worker at once");
  expect(stderr).not.toMatch(/EPIPE|Cannot write/);
  expect(readdirSync(temporary)).toEqual([]);
});

// Emacs' shell, and what makes a terminal without saying of which kind, showed the sequences of the table as letters.
test.each([
  ["that obeys escape sequences", "xterm", true],
  ["that obeys none", "dumb", false],
  ["of no kind", undefined, false],
])("on a terminal %s dev shows a table or lines", async (_which, kind, table) => {
  await using dir = await TempDir.create("dev-terminal");
  const agent = await FakeAgent.create(dir);
  const direct = { workspace_root: await dir.mkdir("ws"), oz_path: agent.path };
  const config = await dir.write("worker.yaml", JSON.stringify({ worker_id: "w", backend: { direct } }));
  let shown = "";
  const child = Bun.spawn(
    [...workerCommand(), "dev", "--config-file", config, "--prompt", "one", "--exit-when-done"],
    {
      env: {
        ...{ PATH: process.env["PATH"] ?? "", HOME: dir.path, TMPDIR: dir.path },
        ...(kind === undefined ? {} : { TERM: kind }),
      },
      terminal: {
        cols: 80,
        rows: 24,
        data(_, bytes) {
          shown += Buffer.from(bytes).toString();
        },
      },
    },
  );
  expect(await within(child.exited, "dev on a terminal")).toBe(0);
  expect(shown).toMatch(/task \S+ completed "one"/);
  expect(shown.includes("\u001b[")).toBe(table);
});
