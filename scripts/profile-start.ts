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
import { buildIdOf } from "../src/runtime/build-id.ts";
import { unwritableMappings } from "../src/runtime/mappings.ts";
import { Subject } from "./benchmark/subject.ts";

const ROOT = join(import.meta.dir, "..");
const WORKER = process.env["OZ_TEST_BINARY"] ?? join(ROOT, "dist/oz-agent-worker");
/** The kernel's fault_around_bytes: what one touch maps, as far as it is in the page cache. */
const BLOCK_BYTES = 65_536;
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
  const only = [...started].filter((block) => !needed.has(block)).sort((a, b) => a - b);
  writeFileSync(join(ROOT, "src/runtime/start-blocks.ts"), render(merge(only)));
  process.stdout.write(`${(only.length * BLOCK_BYTES) / 2 ** 20} MB that only a start uses\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
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

/** Neighbours as one: first block, and how many. */
function merge(blocks: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const block of blocks) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === block) last[1] += 1;
    else runs.push([block, 1]);
  }
  return runs;
}

function render(runs: readonly [number, number][]): string {
  const id = buildIdOf(WORKER);
  const list = runs.map(([first, count]) => (count === 1 ? `${first}` : `${first}+${count}`)).join(" ");
  return `/** Written by scripts/profile-start.ts: which parts of the runtime only a start uses. */

/** The build of the runtime that it is true of, as its linker named it. */
export const BUILD_ID = ${JSON.stringify(id)};

export const BLOCK_BYTES = ${BLOCK_BYTES};

/** Numbers of blocks, counted from address 0; \`A+N\`: N of them, from A. */
export const START_BLOCKS =
  ${JSON.stringify(list)};
`;
}
