import { describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { LogOutput } from "../../../src/logging/log-output.ts";
import type { LogTarget } from "../../../src/logging/log-target.ts";
import { TempDir } from "../../support/temp-dir.ts";

type Way = Pick<LogTarget, "waits">;

/** Both ways of not waiting for a reader: a write that fails, and one that waits in another thread. */
const WAYS: readonly Way[] = [{ waits: false }, { waits: true }];

/** A pipe whose reader reads when it is told to. */
class Pipe implements AsyncDisposable {
  readonly #dir: TempDir;
  #hasReader = true;
  readonly reader: number;
  readonly writer: number;
  readonly target: LogTarget;

  private constructor(dir: TempDir, path: string, waits: boolean) {
    this.#dir = dir;
    this.reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writer = openSync(path, constants.O_WRONLY | (waits ? 0 : constants.O_NONBLOCK));
    this.target = { descriptor: this.writer, waits };
  }

  static async make({ waits }: Way = { waits: false }): Promise<Pipe> {
    const dir = await TempDir.create("pipe");
    const path = dir.join("log");
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    return new Pipe(dir, path, waits);
  }

  read(): string {
    const chunks: Buffer[] = [];
    const chunk = Buffer.alloc(65_536);
    try {
      for (let length = readSync(this.reader, chunk); length > 0; length = readSync(this.reader, chunk)) {
        chunks.push(Buffer.from(chunk.subarray(0, length)));
      }
    } catch {
      // EAGAIN: nothing more for now.
    }
    return Buffer.concat(chunks).toString();
  }

  readerLeaves(): void {
    if (this.#hasReader) closeSync(this.reader);
    this.#hasReader = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.writer);
    this.readerLeaves();
    await this.#dir[Symbol.asyncDispose]();
  }
}

const line = (n: number, length = 100) => `${String(n).padStart(length - 1, ".")}\n`;

/** To the last byte, while it is being written. */
async function readAll(pipe: Pipe, output: LogOutput): Promise<string> {
  let done = false;
  output.drained().then(() => {
    done = true;
  });
  let text = "";
  while (!done) {
    text += pipe.read();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return text + pipe.read();
}

describe("the log's output", () => {
  test("is written at once while somebody reads", async () => {
    await using pipe = await Pipe.make();
    const output = new LogOutput(
      () => {},
      () => pipe.target,
    );
    output.write("one\n");
    output.write("two\n");
    expect(pipe.read()).toBe("one\ntwo\n");
    await output.drained();
  });
});

describe.each(WAYS)("the log's output, where waits=$waits,", (way) => {
  // A write to a full pipe once held the whole worker: no ping, no task, not even SIGTERM got through.
  test("is kept for a reader that stopped for a while, whole and in order", async () => {
    await using pipe = await Pipe.make(way);
    const lost: number[] = [];
    const output = new LogOutput(
      (lines) => lost.push(lines),
      () => pipe.target,
    );
    const lines = Array.from({ length: 1_500 }, (_, n) => line(n));
    for (const each of lines) output.write(each);
    expect(await readAll(pipe, output)).toBe(lines.join(""));
    expect(lost).toEqual([]);
  });

  test("is kept up to a bound, whole lines only, and what was lost is counted once somebody reads", async () => {
    await using pipe = await Pipe.make(way);
    const lost: number[] = [];
    const output = new LogOutput(
      (lines) => lost.push(lines),
      () => pipe.target,
    );
    const total = 20_000;
    for (let n = 0; n < total; n++) output.write(line(n));
    const lines = (await readAll(pipe, output)).split("\n").slice(0, -1);
    expect(lines).toEqual(Array.from({ length: lines.length }, (_, n) => line(n).slice(0, -1)));
    expect(lost).toEqual([total - lines.length]);
    output.write("again\n");
    expect(await readAll(pipe, output)).toBe("again\n");
  });

  test("of a line longer than the pipe holds is whole in the end", async () => {
    await using pipe = await Pipe.make(way);
    const output = new LogOutput(
      () => {},
      () => pipe.target,
    );
    const long = line(1, 150_000);
    output.write(long);
    output.write("next\n");
    expect(await readAll(pipe, output)).toBe(`${long}next\n`);
  });

  test("costs a line, and nothing else, where the reader has gone", async () => {
    await using pipe = await Pipe.make(way);
    pipe.readerLeaves();
    const output = new LogOutput(
      () => {},
      () => pipe.target,
    );
    output.write("unheard\n");
    await output.drained();
  });
});
