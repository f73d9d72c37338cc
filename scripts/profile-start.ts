/**
 * Writes src/runtime/start-blocks.ts: which parts of the runtime's own code and constants only a start uses,
 * in blocks of what the kernel maps at once. To be run again with each new Bun; the list belongs to one build
 * of it, and is looked up by that build's id.
 *
 *   scripts/build && bun scripts/profile-start.ts    (Linux on x64 with glibc, whose executable has the list)
 *
 * A block that a start touched, and that nothing touches again once all of them were taken away: neither
 * tasks that end well and badly, alone and many at once, nor their cancellation, their output, nor the pings.
 */
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unwritableMappings } from "../src/runtime/mappings.ts";
import { Subject } from "./benchmark/subject.ts";
import { runScript, takeNone } from "./command-line.ts";
import { BLOCK_BYTES, renderStartList } from "./profile/start-list.ts";
import { startSubjectId } from "./profile/start-subject.ts";

const ROOT = join(import.meta.dir, "..");
const WORKER = process.env["OZ_TEST_BINARY"] ?? join(ROOT, "dist/oz-agent-worker");
const PAGE_BYTES = 4096;
const ROUNDS = 3;
/** Before the worker itself gives anything back. */
const STARTED_MS = 150;
/** After a minute without a task everything is given back; two pings of the link lie in it too. */
const GIVEN_BACK_MS = 62_000;

const AGENT = `#!/bin/sh
case "$OZ_KIND" in
  fail) exit 3 ;;
  held) exec sleep 300 ;;
  loud) exec head -c 50000000 /dev/zero ;;
esac
`;

async function main(): Promise<number> {
  takeNone("profile-start.ts");
  const id = startSubjectId(WORKER);
  const blocks = await findBlocks();
  writeFileSync(join(ROOT, "src/runtime/start-blocks.ts"), renderStartList(id, blocks));
  process.stdout.write(`${(blocks.length * BLOCK_BYTES) / 2 ** 20} MB that only a start uses\n`);
  return 0;
}

async function findBlocks(): Promise<number[]> {
  const dir = mkdtempSync(join(tmpdir(), "oz-profile-"));
  try {
    const agent = join(dir, "agent");
    writeFileSync(agent, AGENT);
    chmodSync(agent, 0o755);
    const started = new Set<number>();
    const needed = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      await using subject = new Subject({ name: "worker", executable: WORKER }, agent);
      await subject.start();
      await Bun.sleep(STARTED_MS);
      for (const block of residentBlocks(subject.pid)) started.add(block);
      await workWith(subject, () => {
        for (const block of residentBlocks(subject.pid)) needed.add(block);
      });
    }
    return [...started].filter((block) => !needed.has(block)).sort((a, b) => a - b);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** `look` is called before anything is given back again, which is half a second after the last task began. */
async function workWith(subject: Subject, look: () => void): Promise<void> {
  const run = async (kind: string, count: number, until: "claimed" | "ended") => {
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    await subject.plane.run(ids, { OZ_KIND: kind }, until);
    look();
    return ids;
  };
  await Bun.sleep(GIVEN_BACK_MS);
  look();
  // The first of all starts the shim as well.
  await run("loud", 1, "ended");
  for (const kind of ["quick", "fail"]) await run(kind, 5, "ended");
  for (let task = 0; task < 50; task++) await run("quick", 1, "ended");
  await run("quick", 100, "ended");
  await subject.plane.cancel(await run("held", 5, "claimed"));
  look();
}

/** Of the executable's parts that never change. */
function residentBlocks(pid: number): Set<number> {
  const blocks = new Set<number>();
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
  try {
    for (const { start, bytes } of unwritableMappings(readFileSync(`/proc/${pid}/maps`, "latin1"), WORKER)) {
      const entries = Buffer.alloc((bytes / PAGE_BYTES) * 8);
      readSync(pagemap, entries, 0, entries.length, (start / PAGE_BYTES) * 8);
      for (let page = 0; page * PAGE_BYTES < bytes; page++) {
        const isPresent = ((entries[page * 8 + 7] ?? 0) & 0x80) !== 0;
        if (isPresent) blocks.add(Math.floor((start + page * PAGE_BYTES) / BLOCK_BYTES));
      }
    }
    return blocks;
  } finally {
    closeSync(pagemap);
  }
}

await runScript("profile-start", main);
