/** What takes the wire's own time: silence, an unanswered handshake, a refused key. At the same time, to save it. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";

const TIMEOUT_MS = 110_000;

describe.concurrent("a link", () => {
  test(
    "that goes silent with its connection open is given up after 60 s, and 20 of 20 results arrive on the next, each once",
    async () => {
      await using site = await DirectSite.create();
      await using worker = await site.start();
      const runs = await site.hold(20, { AGENT_EXIT: "7" });
      const frozenAt = performance.now();
      site.plane.faults.freeze();
      for (const run of runs) {
        run.release();
        await worker.waitForLog(new RegExp(`task failed .*${taskIdOf(run)}`));
      }
      expect(site.plane.tasks().map(({ terminals }) => terminals)).toEqual(runs.map(() => 0));
      await site.plane.waitForConnection(2, { timeoutMs: 90_000 });
      expect(performance.now() - frozenAt).toBeGreaterThan(59_000);
      expect(worker.stderr).toMatch(/WARN .*connection to the control plane lost.*no frame from the peer/);
      const tasks = await site.plane.waitForAllTasks();
      expect(tasks.map(({ exitCode }) => exitCode)).toEqual(runs.map(() => 7));
      expect(runs.map((run) => site.terminals(taskIdOf(run)).length)).toEqual(runs.map(() => 1));
    },
    TIMEOUT_MS,
  );

  test(
    "that is idle is pinged every 30 s and lives on past 60 s",
    async () => {
      await using site = await DirectSite.create();
      await using _worker = await site.start();
      await site.plane.waitForPings(2, { timeoutMs: 75_000 });
      expect((await site.run(assignment())).state).toBe("completed");
      expect(site.plane.connections.total).toBe(1);
    },
    TIMEOUT_MS,
  );

  // Its timers come first when it goes on, and once they gave up a connection with unread frames in it.
  test(
    "of a worker that was stopped for longer than that is kept, and what came meanwhile is read",
    async () => {
      await using site = await DirectSite.create();
      await using worker = await site.start();
      const [run] = await site.hold(1);
      worker.kill("SIGSTOP");
      site.plane.cancel(run === undefined ? "" : taskIdOf(run));
      await using clock = await DirectSite.create();
      await using _pinging = await clock.start();
      await clock.plane.waitForPings(2, { timeoutMs: 75_000 });
      worker.kill("SIGCONT");
      const [task] = await site.plane.waitForAllTasks();
      expect([task?.state, site.plane.connections.total]).toEqual(["cancelled", 1]);
    },
    TIMEOUT_MS,
  );

  test(
    "whose handshake is never answered is tried again",
    async () => {
      await using site = await DirectSite.create();
      site.plane.faults.hang(1);
      await using worker = await site.start({ connected: false });
      await worker.waitForLog(/cannot connect to the control plane.*no answer to the handshake/, 45_000);
      await site.plane.waitForConnection(1);
      expect((await site.run(assignment())).state).toBe("completed");
      expect(site.plane.handshakes.map(({ outcome }) => outcome)).toEqual(["hung", "accepted"]);
    },
    TIMEOUT_MS,
  );

  test(
    "whose key is refused after a good connection is tried again, loudly, until the key is replaced, and loses nothing",
    async () => {
      await using site = await DirectSite.create({ apiKey: "first" });
      const file = await site.dir.write("key", "first", 0o600);
      await using worker = await site.start({ apiKey: null, flags: ["--api-key-file", file] });
      const runs = await site.hold(3);
      site.plane.apiKey = "second";
      site.plane.faults.drop();
      await worker.waitForLog(/ERROR .*refused the key.*status=401/);
      for (const run of runs) run.release();
      await writeFile(file, "second\n");
      await site.plane.waitForConnection(2, { timeoutMs: 75_000 });
      const tasks = await site.plane.waitForAllTasks();
      expect(tasks.map(({ state, terminals }) => [state, terminals])).toEqual(
        runs.map(() => ["completed", 1]),
      );
      expect(worker.stderr).not.toMatch(/=(?:first|second)\b/);
    },
    TIMEOUT_MS,
  );

  test(
    "whose peer reads nothing of what is sent is given up before that, when there is much to send",
    async () => {
      await using site = await DirectSite.create();
      await using worker = await site.start();
      await site.plane.waitForOpenLinks(1);
      // One way only: the assignments still get through, and their answers fill every buffer between.
      site.plane.faults.freeze("to-server");
      const wanted = 30_000;
      const bad = { task_id: "x".repeat(1_000), task: null };
      site.plane.faults.send("task_assignment", bad, wanted);
      await worker.waitForLog(/connection to the control plane lost.*took nothing of what was sent/, 45_000);
      await site.plane.waitForConnection(2);
      await site.plane.waitForFrame(() => site.plane.frames.length >= wanted, { timeoutMs: 30_000 });
      expect(worker.running).toBe(true);
    },
    TIMEOUT_MS,
  );
});
