/** A program that was started by one which blocks signals, as children inherit it. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { workerCommand } from "../support/worker-process.ts";

// An agent that was cancelled never got its SIGTERM, and was killed when its grace period was over. Fake agents hid it:
// dash takes every signal again when it starts, and Bun takes them where it waits.
test.skipIf(process.platform !== "linux").each([["TERM"], ["TERM,INT,USR1"]])(
  "an agent blocks no signal although whoever started the worker blocks %s, and the worker stops",
  async (signals) => {
    await using site = await DirectSite.create();
    const note = site.dir.join("status");
    const code = `require("node:fs").copyFileSync("/proc/thread-self/status", ${JSON.stringify(note)});`;
    const script = await site.dir.write("agent.cjs", code);
    const oz_path = await site.dir.write("oz", `#!${process.execPath} ${script}\n`, 0o755);
    const command = ["env", `--block-signal=${signals}`, ...workerCommand()];
    await using worker = await site.start({ command, direct: { oz_path } });
    expect((await site.run(assignment())).state).toBe("completed");
    expect(readFileSync(note, "latin1")).toMatch(/^SigBlk:\t0+$/m);
    expect(await worker.stop()).toBe(0);
  },
);
