/** The list of what only a start uses belongs to one build of the runtime: a new one needs a new list. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { buildIdOf } from "../../src/runtime/build-id.ts";
import { BUILD_ID } from "../../src/runtime/start-parts.ts";
import { DirectSite } from "../support/direct-site.ts";
import { eventually } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";

/** Where it is musl that loads programs, the runtime is another build. */
const isListed =
  process.platform === "linux" && process.arch === "x64" && !existsSync("/lib/ld-musl-x86_64.so.1");

test.skipIf(!isListed)(
  "the list is of the runtime that is built in; else run scripts/profile-start.ts",
  () => {
    expect(buildIdOf(workerCommand()[0] ?? "")).toBe(BUILD_ID);
  },
);

test.skipIf(!isListed)(
  "a worker that has started lets go of what it needed for that, without a task",
  async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const residentKb = (field: "VmRSS" | "VmHWM") =>
      Number(
        new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${worker.pid}/status`, "utf8"))?.[1],
      );
    await eventually(() => residentKb("VmRSS") < residentKb("VmHWM") - 3_000, "the worker to shrink by 3 MB");
  },
);
