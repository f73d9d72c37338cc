/** Surroundings that fail the worker: a log that nobody reads (a stalled driver, a pager), a folder that is gone. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { UnreadLog } from "../support/unread-log.ts";
import { workerCommand } from "../support/worker-process.ts";

/** More than anything of these holds, several times. */
const LINES = 4_000;

interface Unread {
  readonly make: () => Promise<UnreadLog>;
  /** Before the worker's own command. */
  readonly within?: readonly string[];
}

/**
 * Only a pipe could once be told not to block: at each of the others the worker stood still in a write, and
 * neither pings nor SIGTERM got through.
 */
const UNREAD: Readonly<Record<string, Unread>> = {
  "a pipe": { make: () => UnreadLog.pipe() },
  "a socket, as to the journal of systemd": { make: () => UnreadLog.socket() },
  "a terminal that was stopped with Ctrl-S": { make: () => UnreadLog.terminal() },
};

/** Root is not asked for permissions, so it has to give that up. */
const UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"];
const obeying = process.getuid?.() === 0 ? UNPRIVILEGED : [];
const canObey = obeying.length === 0 || canRun([...obeying, "true"]);
if (!canObey)
  process.stderr.write("skip  logs of another user: as root they need setpriv, and leave to use it\n");

/** They belong to whoever started it, and it runs as another user. */
const FORBIDDEN: Readonly<Record<string, Unread>> = {
  "a pipe of another user": { make: () => UnreadLog.pipe(0), within: obeying },
  "a stopped terminal of another user": { make: () => UnreadLog.terminal(0), within: obeying },
};

describe.each(Object.entries(UNREAD))("a log that nobody reads, %s,", (_, unread) => {
  test("holds up neither tasks nor the stop", () => expectNoHoldUp(unread));
});

describe.skipIf(!canObey).each(Object.entries(FORBIDDEN))("a log that nobody reads, %s,", (_, unread) => {
  test("holds up neither tasks nor the stop", () => expectNoHoldUp(unread));
});

/** The console of the runtime waits for its reader: nothing ran, no ping was answered, and SIGTERM was not heard. */
test.each(["METRICS", "TRACES"])(
  "%s on a console that nobody reads hold up neither tasks nor the stop",
  async (signal) => {
    await using site = await DirectSite.create();
    const pipe = 'mkfifo "$0" && exec 3<>"$0" && exec "$@" >&3';
    await using worker = await site.start({
      command: ["/bin/sh", "-c", pipe, site.dir.join("stdout"), ...workerCommand()],
      env: {
        OTEL_METRICS_EXPORTER: "none",
        OTEL_METRIC_EXPORT_INTERVAL: "1",
        [`OTEL_${signal}_EXPORTER`]: "console",
      },
    });
    // What is said of them is several times what a pipe holds.
    for (let n = 0; n < 40; n++) expect((await site.run(assignment())).state).toBe("completed");
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr).toContain("telemetry could not be sent to the end");
  },
);

function canRun([program = "", ...args]: readonly string[]): boolean {
  return Bun.which(program) !== null && Bun.spawnSync([program, ...args]).exitCode === 0;
}

async function expectNoHoldUp({ make, within = [] }: Unread): Promise<void> {
  await using log = await make();
  await using site = await DirectSite.create();
  await using worker = await site.start({
    command: [...within, ...workerCommand()],
    flags: ["--log-level", "debug"],
    logDescriptor: log.descriptor,
    connected: false,
  });
  expect((await site.run(assignment())).state).toBe("completed");
  for (let n = 0; n < LINES; n++)
    site.plane.faults.sendRaw(`{"type":"unheard of ${"x".repeat(80)}","data":{}}`);
  expect((await site.run(assignment())).state).toBe("completed");
  const [run] = await site.hold(1);
  expect(await worker.stop()).toBe(0);
  expect(site.terminals(run?.env["TASK_ID"] ?? "").map(({ data }) => data["failure_reason"])).toEqual([
    "graceful_shutdown",
  ]);
}

test("a worker whose folder was removed before it started works with absolute paths", async () => {
  await using site = await DirectSite.create();
  const gone = await site.dir.mkdir("gone");
  await using worker = await site.start({
    command: ["/bin/sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, ...workerCommand()],
  });
  const { taskId, state } = await site.run(assignment());
  expect(state).toBe("completed");
  expect(site.agent.runs(taskId)[0]?.cwd).toBe(`${site.workspaceRoot}/${taskId}`);
  expect(await worker.stop()).toBe(0);
});
