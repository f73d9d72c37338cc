/** `oz-agent-worker dev` with a stub for the worker: what it runs, prints and exits with. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DevOptions, runDev } from "../../src/cli/dev.ts";
import { assignment } from "../support/assignments.ts";
import { TempDir } from "../support/temp-dir.ts";

const stub = (mode: string) => [
  process.execPath,
  resolve(import.meta.dir, "../support/stub-worker.ts"),
  mode,
];

interface Rehearsal {
  readonly status: Promise<number>;
  output(): string;
  /** Until the output has it. */
  shows(text: string): Promise<void>;
}

function rehearse(options: Partial<DevOptions>, signal = new AbortController().signal): Rehearsal {
  let output = "";
  const dir = mkdtempSync(join(tmpdir(), "oz-dev-test-"));
  const looks = new Set<() => void>();
  const status = runDev(
    {
      prompts: [],
      assignmentFiles: [],
      port: 0,
      exitWhenDone: true,
      dropEveryMs: null,
      freezeMs: null,
      refuseStatus: null,
      workerCommand: stub("work"),
      keyFile: join(dir, "key"),
      workerEnv: {
        PATH: process.env["PATH"],
        WARP_API_KEY: "the operator's own",
        WARP_API_KEY_FILE: "/nowhere",
      },
      handsOver: false,
      stopTimeoutMs: 20_000,
      isTerminal: false,
      write: (text) => {
        output += text;
        for (const look of looks) look();
      },
      ...options,
    },
    signal,
  ).finally(() => rmSync(dir, { recursive: true, force: true }));
  return {
    status,
    output: () => output,
    shows: (text) =>
      new Promise((shown) => {
        const look = () => {
          if (output.includes(text)) shown();
        };
        looks.add(look);
        look();
      }),
  };
}

describe("exit when done", () => {
  test("is 0 when all tasks completed, each change a line", async () => {
    const run = rehearse({ prompts: ["one", "two"] });
    expect(await run.status).toBe(0);
    const lines = run.output().split("\n");
    expect(lines[0]).toMatch(/^Control plane on http:\/\/127\.0\.0\.1:\d+/);
    for (const title of ["one", "two"]) {
      const states = lines.filter((line) => line.includes(`"${title}"`)).map((line) => line.split(" ")[2]);
      expect(states).toEqual(["queued", "assigned", "claimed", "completed"]);
    }
  });

  test("says that there is no task and where one can come from, instead of waiting without a word", async () => {
    const run = rehearse({});
    await run.shows("No task was given");
    const address = /http:\S+:\d+/.exec(run.output())?.[0];
    await fetch(`${address}/tasks`, { method: "POST", body: JSON.stringify({ prompt: "late" }) });
    expect(await run.status).toBe(0);
    expect(run.output()).toContain('completed "late"');
  });

  test("is 1 when one failed, and says why", async () => {
    const run = rehearse({ prompts: ["one", "fail"] });
    expect(await run.status).toBe(1);
    expect(run.output()).toContain('failed "fail": as told');
  });

  test("takes assignments from files of each form and leaves a task out that comes twice", async () => {
    await using dir = await TempDir.create();
    const [a, b, c, d] = [assignment(), assignment(), assignment(), assignment()];
    const files = [
      await dir.write("one.json", JSON.stringify(a)),
      await dir.write("list.json", JSON.stringify([b, { prompt: "from a list" }])),
      await dir.write(
        "cases.json",
        JSON.stringify({ cases: [{ name: "x", assignment: c }, { assignment: c }] }),
      ),
      await dir.write("frame.json", JSON.stringify({ type: "task_assignment", data: d })),
    ];
    const run = rehearse({ assignmentFiles: files });
    expect(await run.status).toBe(0);
    for (const { task_id } of [a, b, c, d]) expect(run.output()).toContain(`task ${task_id} completed`);
    expect(run.output()).toContain('completed "from a list"');
    expect(run.output()).toContain(`Left out: task ${c.task_id}`);
  });
});

// Editors on Windows write one; it was refused in a message that quoted the mark, which nobody can see.
test("a byte order mark before an assignment is no part of it, and a file that is not UTF-8 is called that", async () => {
  await using dir = await TempDir.create();
  const text = JSON.stringify({ prompt: "marked" });
  const marked = rehearse({ assignmentFiles: [await dir.write("marked.json", `\ufeff${text}`)] });
  expect(await marked.status).toBe(0);
  expect(marked.output()).toContain('completed "marked"');
  const wide = await dir.write("wide.json", Buffer.from(`\ufeff${text}`, "utf16le"));
  const refused = rehearse({ assignmentFiles: [wide] });
  expect(await refused.status).toBe(2);
  expect(refused.output()).toBe(`oz-agent-worker: Cannot read ${wide}: it is not text in UTF-8\n`);
});

describe("with an engine that tasks are handed over to, whose end nobody tells", () => {
  test("is 0 when all are handed over: dev waited for ever", async () => {
    const run = rehearse({ prompts: ["hang"], handsOver: true });
    expect(await run.status).toBe(0);
    expect(run.output()).toMatch(/task \S+ was handed over/);
  });

  test("is 1 when one could not be handed over", async () => {
    const run = rehearse({ prompts: ["fail", "hang"], handsOver: true });
    expect(await run.status).toBe(1);
    expect(run.output()).toMatch(/task \S+ failed "fail": as told/);
    expect(run.output().match(/was handed over/g)).toHaveLength(1);
  });

  test("claims nothing of tasks whose worker left in another way", async () => {
    const run = rehearse({ prompts: ["one"], handsOver: true, workerCommand: stub("leave") });
    expect(await run.status).toBe(2);
    expect(run.output()).not.toContain("handed over");
  });
});

describe("ends early", () => {
  test("with the worker's status when that left by itself", async () => {
    expect(await rehearse({ prompts: ["one"], workerCommand: stub("leave") }).status).toBe(2);
  });

  test("with the worker's status when its key is refused on request", async () => {
    expect(await rehearse({ prompts: ["one"], refuseStatus: 401 }).status).toBe(77);
  });

  test("when asked, after one signal to the worker: 0, or 1 when tasks were to be done", async () => {
    for (const exitWhenDone of [false, true]) {
      const stop = new AbortController();
      const run = rehearse({ prompts: ["hang"], exitWhenDone }, stop.signal);
      await run.shows("claimed");
      stop.abort();
      expect(await run.status).toBe(exitWhenDone ? 1 : 0);
    }
  });

  test("when asked once more while the worker stops, with a status of its own and the table taken down", async () => {
    const [stop, haste] = [new AbortController(), new AbortController()];
    const terminal = { isTerminal: true, terminalSize: () => ({ columns: 60, rows: 20 }) };
    const run = rehearse({ prompts: ["hang"], haste: haste.signal, ...terminal }, stop.signal);
    await run.shows("claimed");
    stop.abort();
    haste.abort();
    expect(await run.status).toBe(130);
    const [, left] = run.output().split("\u001b[r");
    expect(left).toMatch(/task \S+ \S+ "hang"\n$/);
  });

  test("before anything is started when a file is bad, all errors at once", async () => {
    await using dir = await TempDir.create();
    const files = [
      dir.join("missing.json"),
      await dir.write("broken.json", "{"),
      await dir.write("wrong.json", JSON.stringify([{ task_id: 1 }, { type: "other", data: {} }])),
      await dir.write("none.json", "[]"),
      dir.path,
    ];
    const run = rehearse({ assignmentFiles: files });
    expect(await run.status).toBe(2);
    const lines = run.output().trimEnd().split("\n");
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(line).toStartWith("oz-agent-worker: ");
    expect(lines[0]).toContain("missing.json");
    expect(lines[1]).toContain("broken.json is not JSON: ");
    expect(lines[2]).toContain("assignment 1: task_id is not a string");
    expect(lines[3]).toContain('assignment 2: type is "other"');
    expect(lines[4]).toContain("none.json: there is no assignment in its list");
  });

  test("with a sentence when the worker or the port cannot be had", async () => {
    const missing = rehearse({ prompts: ["one"], workerCommand: ["/nowhere/worker"] });
    expect(await missing.status).toBe(1);
    expect(missing.output()).toContain("Cannot start the worker /nowhere/worker");
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const clash = rehearse({ port: taken.port });
    expect(await clash.status).toBe(1);
    expect(clash.output()).toContain(`Cannot listen on 127.0.0.1:${taken.port}`);
  });
});

test("the table stays at the bottom, lets nothing move the cursor and leaves a plain list", async () => {
  const run = rehearse({
    prompts: ["\u001b[2Jone"],
    isTerminal: true,
    terminalSize: () => ({ columns: 60, rows: 20 }),
  });
  expect(await run.status).toBe(0);
  expect(run.output()).toContain("\u001b[1;18r");
  expect(run.output()).not.toContain("\u001b[2J");
  const last = run.output().slice(run.output().lastIndexOf("\u001b[r"));
  expect(last).toMatch(/task \S+ completed " \[2Jone": Task completed successfully\n$/);
});

// Counted in letters it fitted, and in columns it went on over the worker's log.
test("a row of the table is cut where the terminal ends, however wide its letters are", async () => {
  const title = "長い題名".repeat(15);
  const run = rehearse({
    prompts: [title],
    isTerminal: true,
    terminalSize: () => ({ columns: 60, rows: 20 }),
  });
  expect(await run.status).toBe(0);
  const [beforeTheEnd = ""] = run.output().split("\u001b[r");
  expect(beforeTheEnd).toContain("長い題名");
  // Whatever is written while a terminal goes on in the next row.
  const wrapped = beforeTheEnd.split("\u001b[?7l").map((text) => text.split("\u001b[?7h").at(-1));
  expect(wrapped.join("")).not.toContain("長い題名");
});
