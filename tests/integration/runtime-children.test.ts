/** What src/runtime does with child processes, by each runtime. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { spawnTalking } from "../../src/runtime/spawn.ts";
import { ask, ProbeProcess, RUNTIMES } from "../support/runtime.ts";
import { TempDir } from "../support/temp-dir.ts";

const command = (script: string, more: object = {}) => ({
  argv: ["/bin/sh", "-c", script],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin" },
  ...more,
});

describe.each(RUNTIMES.map(({ name, argv }) => [name, argv] as const))("under %s", (_name, runtime) => {
  test.each([
    ["exit 7", 7],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ])("a child that ends by %p has the status %p", async (script, status) => {
    expect(await ask(runtime, "detached", command(script))).toEqual({ status });
    expect(await ask(runtime, "foreground", command(script))).toEqual({ status });
  });

  test("a child leads a session and a group, reads nothing, and has the environment that it is given", async () => {
    await using dir = await TempDir.create("child");
    const script = "env >env; cat >input; cut -d' ' -f1,5,6 /proc/$$/stat >ids";
    const given = command(script, { cwd: dir.path, env: { A: "1", PATH: "/usr/bin:/bin" } });
    expect(await ask(runtime, "detached", given)).toEqual({ status: 0 });
    const lines = (name: string) => readFileSync(dir.join(name), "utf8").split("\n").filter(Boolean);
    const own = lines("env").filter((line) => !/^(?:PWD|SHLVL|OLDPWD|_)=/.test(line));
    expect(own.toSorted()).toEqual(["A=1", "PATH=/usr/bin:/bin"]);
    expect(lines("input")).toEqual([]);
    const [pid, group, session] = (lines("ids")[0] ?? "").split(" ");
    expect([group, session]).toEqual([pid, pid]);
  });

  test("a child with a file for its output writes both streams to its end, and holds nothing else open", async () => {
    await using dir = await TempDir.create("child");
    const outputFile = await dir.write("it's a file", "before\n");
    // Of the file: what the shell itself opens meanwhile is no matter.
    const script = "echo out; echo error >&2; ls -l /proc/$$/fd >fds";
    const given = command(script, { cwd: dir.path, outputFile });
    expect(await ask(runtime, "detached", given)).toEqual({ status: 0 });
    expect(readFileSync(outputFile, "utf8")).toBe("before\nout\nerror\n");
    const held = readFileSync(dir.join("fds"), "utf8").split("\n");
    expect(held.filter((line) => line.includes(outputFile))).toHaveLength(2);
  });

  test.each([
    ["not there", ["/no/such/program"], "/", "ENOENT"],
    ["not executable", ["/etc/passwd"], "/", "EACCES"],
    ["to run in no folder", ["/bin/true"], "/no/folder", "ENOENT"],
    ["given too much", ["/bin/true", "x".repeat(200_000)], "/", "E2BIG"],
  ])("a program that is %s is refused at once, by the system's name", async (_what, argv, cwd, failed) => {
    const [program = "", ...args] = argv;
    // The probe itself could not be given so much.
    const long = args.map((arg) => (arg.length > 1000 ? { repeat: arg.length } : arg));
    expect(await ask(runtime, "refused", { program, args: long, cwd })).toMatchObject({ failed });
  });

  test("a child that is given input reads it whole, and what it says is heard, with its status", async () => {
    const given = { command: command("wc -c; echo to stderr >&2; exit 3"), text: "é", times: 500_000 };
    const heard = { stdout: "1000000\n", stderr: "to stderr\n", status: 3 };
    expect(await ask(runtime, "heard", given)).toEqual(heard);
    const deaf = { command: command("echo said"), text: "x", times: 1_000_000 };
    expect(await ask(runtime, "heard", deaf)).toMatchObject({ stdout: "said\n", status: 0 });
  });

  // Which of the two is known first is no promise of either runtime.
  test("all that a child said before it was killed is heard by the time that it is gone and disconnected", async () => {
    const channel = `\${NODE_CHANNEL_FD:-$OZ_SHIM_CHANNEL}`;
    const script = `eval "echo '{\\"n\\":1}' >&${channel}; echo '{\\"n\\":2}' >&${channel}"; kill -KILL $$`;
    const { heard } = await ask(runtime, "lastBreath", command(script));
    expect(heard).toEqual(['{"n":1}', '{"n":2}']);
  });

  // A task that came between the two was `unknown`, with the runtime's words about a channel that was not open.
  test("what is said to a child whose channel is closed is lost without an error: its end is told in a moment", async () => {
    const script = `eval "exec \${NODE_CHANNEL_FD:-$OZ_SHIM_CHANNEL}>&-"; exec sleep 1000`;
    expect(await ask(runtime, "toNobody", command(script))).toEqual({ status: 137 });
  });

  describe("an answer that is captured", () => {
    const limits = { stdin: "in", maxBytes: 1000, timeoutMs: 10_000 };

    test("is what the child printed, and its complaints when they are wanted", async () => {
      const given = { command: command("cat; echo no >&2; exit 2"), ...limits };
      const printed = { exitCode: 2, stdout: "in", stderr: "", whole: true };
      expect(await ask(runtime, "captured", given)).toEqual(printed);
      const heard = await ask(runtime, "captured", { ...given, keepsErrors: true });
      expect(heard).toEqual({ ...printed, stderr: "no\n" });
    });

    test("has an end, whatever the child does", async () => {
      const loud = { command: command("cat /dev/zero"), ...limits };
      expect(await ask(runtime, "captured", loud)).toMatchObject({ exitCode: 137, whole: false });
      const slow = { command: command("sleep 1000"), ...limits, timeoutMs: 100 };
      expect((await ask(runtime, "captured", slow))["why"]).toMatch(/time/);
      const left = { command: command("echo said; sleep 3 &"), ...limits };
      expect(await ask(runtime, "captured", left)).toMatchObject({ exitCode: 0, stdout: "said\n" });
    });
  });

  test("a program's streams are a connection, which tells its last words", async () => {
    const said = { text: "some text ", times: 100_000 };
    expect(await ask(runtime, "program", { argv: ["cat"], ...said })).toEqual({ whole: true, after: null });
    const broken = { argv: ["sh", "-c", "read line; echo no way >&2; exit 4"], text: "line\n" };
    expect((await ask(runtime, "program", broken))["why"]).toBe("sh ended with status 4: no way");
  });

  test("the daemon hears how a child of its shim ended, which has the limit and the descriptors that it is to have", async () => {
    await using dir = await TempDir.create("supervised");
    const exitFile = dir.join("exit");
    await using daemon = new ProbeProcess(runtime, "supervise", { dir: dir.path, exitFile });
    // The last is the folder that `ls` reads.
    expect(await daemon.next()).toEqual({ kind: "exited", status: 5, limit: "700\n", open: "0\n1\n2\n3\n" });
  });
});

/** Makes garbage and hot code, collects, and tells its threads by their names. */
const BUSY = `
  const { readdirSync, readFileSync } = require("node:fs");
  const kept = [];
  for (let i = 0; i < 200_000; i++) kept.push({ i, list: [i] });
  Bun.gc(true);
  process.send(readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/comm", "utf8").trim()));
  process.disconnect();
`;

// Of Bun alone. In a service with agents that had used up its processes the shim was refused a helper for its first
// collection of garbage, a second after its start, and the runtime ended it, and all exit statuses with it.
test("a talking child begins no helper later on, which the system might refuse it", async () => {
  const threads = Promise.withResolvers<unknown>();
  const child = spawnTalking({ argv: [process.execPath, "-e", BUSY], cwd: "/", env: {} }, threads.resolve);
  const names = await threads.promise;
  await child.exited;
  for (const helper of ["HeapHelper", "JITWorker", "ollector Thread"]) expect(names).not.toContain(helper);
});
