import { describe, expect, test } from "bun:test";
import { EngineError } from "../../../../../src/backends/docker/engine/errors.ts";
import { type LogChunk, readLog } from "../../../../../src/backends/docker/engine/log-frames.ts";
import { logFrame } from "../../../../support/fake-engine.ts";

async function* inPieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size: number, framed = true) {
  const text = { stdout: "", stderr: "" };
  const chunks: LogChunk[] = [];
  for await (const chunk of readLog(inPieces(bytes, size), framed)) {
    chunks.push(chunk);
    text[chunk.stream] += Buffer.from(chunk.bytes).toString("latin1");
  }
  return { ...text, chunks };
}

describe("a framed log", () => {
  const log = Buffer.concat([
    logFrame(1, "one\n"),
    logFrame(2, "bad\n"),
    logFrame(1, ""),
    logFrame(1, "x".repeat(300)),
    logFrame(0, "in\n"),
  ]);

  test("is taken apart the same wherever it was cut", async () => {
    for (let size = 1; size <= log.length; size += size < 20 ? 1 : 37) {
      const { stdout, stderr } = await read(log, size);
      expect({ stdout, stderr }).toEqual({ stdout: `one\n${"x".repeat(300)}in\n`, stderr: "bad\n" });
    }
  });

  test("keeps the order of the two streams", async () => {
    const { chunks } = await read(log, log.length);
    expect(chunks.map(({ stream }) => stream)).toEqual(["stdout", "stderr", "stdout"]);
  });

  test("of many short lines comes in as many chunks as reads, not as lines", async () => {
    const lines = Buffer.concat(Array.from({ length: 1000 }, () => logFrame(1, "line\n")));
    expect((await read(lines, 4096)).chunks.length).toBeLessThanOrEqual(Math.ceil(lines.length / 4096));
  });

  test("hands on what came of a huge frame instead of collecting it", async () => {
    const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    const { chunks } = await read(Buffer.concat([header, Buffer.alloc(5000, 65)]), 1000);
    expect(chunks.length).toBe(6);
  });

  test("that ends in the middle of a frame gives what there was", async () => {
    expect((await read(log.subarray(0, 10), 3)).stdout).toBe("on");
  });

  test("in which the engine reports an error of its own fails with its words", async () => {
    const broken = Buffer.concat([logFrame(1, "fine\n"), logFrame(3, "error grabbing logs: disk gone")]);
    const reading = read(broken, 5);
    await expect(reading).rejects.toBeInstanceOf(EngineError);
    await expect(reading).rejects.toThrow("error grabbing logs: disk gone");
  });

  test("that breaks keeps what came before, in the same read too", async () => {
    const strange = Buffer.from([7, 0, 0, 0, 0, 0, 0, 1, 65]);
    for (const [broken, words] of [
      [logFrame(3, "disk gone"), "disk gone"],
      [strange, "not in frames"],
    ] as const) {
      const reading = readLog(inPieces(Buffer.concat([logFrame(2, "last words\n"), broken]), 1000), true);
      const chunks = reading[Symbol.asyncIterator]();
      const { value } = await chunks.next();
      expect(Buffer.from(value?.bytes ?? []).toString()).toBe("last words\n");
      await expect(chunks.next()).rejects.toThrow(words);
    }
  });

  test("without frames is an error and not garbage", async () => {
    await expect(read(Buffer.from("plain text of a terminal"), 100)).rejects.toBeInstanceOf(EngineError);
  });
});

test("the log of a terminal is passed on as it is", async () => {
  const { stdout, stderr } = await read(Buffer.from("plain\r\ntext"), 4, false);
  expect({ stdout, stderr }).toEqual({ stdout: "plain\r\ntext", stderr: "" });
});
