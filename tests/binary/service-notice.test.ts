/** What the compiled worker tells the service manager that started it. */
import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DirectSite } from "../support/direct-site.ts";
import { canNotify, NotifySocket } from "../support/notify-socket.ts";

if (!canNotify) process.stderr.write("skip  what systemd is told: it needs Linux and perl\n");

describe.if(canNotify)("a worker that systemd listens to", () => {
  test.each([
    ["a path", (site: DirectSite) => site.dir.join("notify")],
    ["a name in no folder", () => `@oz-test-${randomUUID()}`],
  ])("says that it has started, how many tasks it has, and that it stops: to %s", async (_name, where) => {
    await using site = await DirectSite.create();
    const name = where(site);
    await using socket = await NotifySocket.listen(name);
    await using worker = await site.start({ env: { NOTIFY_SOCKET: name } });
    const runs = await site.hold(2);
    await socket.waitFor(/^STATUS=connected; 2 tasks$/);
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    await worker.stop();
    expect(socket.messages.slice(0, 2)).toEqual(["listening", "READY=1"]);
    expect(socket.messages.at(-1)).toMatch(/^STATUS=stopping; .*; 0 tasks$/);
    // With the one systemd would count the time of the stop; the other nobody asked for.
    expect(socket.messages.join()).not.toMatch(/STOPPING|WATCHDOG/);
  });

  test("says that it is not connected, and since when", async () => {
    await using site = await DirectSite.create();
    const name = site.dir.join("notify");
    await using socket = await NotifySocket.listen(name);
    await using worker = await site.start({ env: { NOTIFY_SOCKET: name } });
    await socket.waitFor(/^STATUS=connected; 0 tasks$/);
    await site.plane.goDown();
    await socket.waitFor(/^STATUS=not connected since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; 0 tasks$/);
    await worker.stop();
  });

  test("gives the sign of life that its watchdog waits for, if that is its own", async () => {
    await using site = await DirectSite.create();
    const name = site.dir.join("notify");
    await using socket = await NotifySocket.listen(name);
    await using worker = await site.start({ env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: "200000" } });
    await socket.waitFor(/^WATCHDOG=1$/);
    await worker.stop();
    const seen = socket.messages.length;
    const others = { NOTIFY_SOCKET: name, WATCHDOG_USEC: "200000", WATCHDOG_PID: "1" };
    await using second = await site.start({ env: others });
    await socket.waitFor(/^STATUS=/);
    await second.stop();
    expect(socket.messages.slice(seen)).not.toContain("WATCHDOG=1");
  });

  // A podman in a hook would tell systemd that it is ready, in the worker's name.
  test("keeps that socket to itself", async () => {
    await using site = await DirectSite.create();
    const name = site.dir.join("notify");
    await using socket = await NotifySocket.listen(name);
    const seen = site.dir.join("seen");
    const direct = { setup_command: `env > ${seen}` };
    const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: "60000000", KEPT: "1" };
    await using worker = await site.start({ direct, env });
    const [run] = await site.hold(1);
    const environments = [await readFile(seen, "utf8"), JSON.stringify(run?.env)];
    for (const text of environments) expect(text).not.toMatch(/NOTIFY_SOCKET|WATCHDOG_/);
    expect(environments[0]).toContain("KEPT=1");
    run?.release();
    await site.plane.waitForAllTasks();
    await worker.stop();
    expect(socket.messages.length).toBeGreaterThan(1);
  });

  test.each([
    ["where nobody listens", (site: DirectSite) => site.dir.join("nobody"), null],
    ["at a name that is none", () => "vsock:2:1234", "the service manager cannot be told how the worker is"],
  ])("works as well %s", async (_name, where, warning) => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: { NOTIFY_SOCKET: where(site) } });
    const [run] = await site.hold(1);
    run?.release();
    await site.plane.waitForAllTasks();
    await worker.stop();
    if (warning === null) expect(worker.stderr).not.toContain("service manager");
    else expect(worker.stderr).toContain(warning);
  });
});
