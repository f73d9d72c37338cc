/**
 * Writes scripts/release/bytecode-order.txt: the functions that a start and its first tasks run, in their
 * order, named by hashes of their own. Each build lays their bytecode side by side, so that a start reads less of
 * the executable. What has changed since is laid where it would have been without: nothing breaks, and it is
 * worth writing again before a release and with each new Bun.
 *
 *   scripts/build && bun scripts/profile-order.ts
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Subject } from "./benchmark/subject.ts";
import { runScript, takeNone } from "./command-line.ts";
import { BYTECODE_ORDER } from "./release/compile.ts";

const ROOT = join(import.meta.dir, "..");
const WORKER = process.env["OZ_TEST_BINARY"] ?? join(ROOT, "dist/oz-agent-worker");
/** What follows a start by itself is over. */
const STARTED_MS = 1_000;
const TASKS = 3;
/** The format's version, and its kinds of lines that name code; strings and keys make it twenty times as long, and no start faster. */
const CODE = /^(?:v\d|[MFN] )/;

async function main(): Promise<number> {
  takeNone("profile-order.ts");
  const dir = mkdtempSync(join(tmpdir(), "oz-profile-"));
  try {
    const order = join(dir, "order");
    const agent = join(dir, "agent");
    writeFileSync(agent, "#!/bin/sh\nexit 0\n");
    chmodSync(agent, 0o755);
    await work(agent, order);
    const lines = readFileSync(order, "latin1")
      .split("\n")
      .filter((line) => CODE.test(line));
    writeFileSync(BYTECODE_ORDER, `${lines.join("\n")}\n`);
    process.stdout.write(`${lines.length - 1} functions and modules that a start and its first tasks run\n`);
    return 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The runtime writes the profile when the worker ends. */
async function work(agent: string, order: string): Promise<void> {
  const environment = { BUN_BYTECODE_ORDER_OUT: order };
  await using subject = new Subject({ name: "worker", executable: WORKER, environment }, agent);
  await subject.start();
  await Bun.sleep(STARTED_MS);
  for (let task = 0; task < TASKS; task++) await subject.plane.run([`task-${task}`], {}, "ended");
  await subject.stop();
}

await runScript("profile-order", main);
