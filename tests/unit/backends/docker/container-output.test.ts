import { describe, expect, test } from "bun:test";
import { showOutput } from "../../../../src/backends/docker/container-output.ts";
import { EngineError, EngineGone } from "../../../../src/backends/docker/engine/errors.ts";
import type { LogChunk } from "../../../../src/backends/docker/engine/log-frames.ts";
import { recordLog } from "../../logging/recorded-log.ts";

const FAILED = { failed: true, redact: (text: string) => text };
const chunk = (text: string): LogChunk => ({ stream: "stdout", bytes: new TextEncoder().encode(text) });

/** Each answer in turn: what it brings, and what it breaks off with. */
function containersOf(...answers: readonly (readonly [readonly string[], Error | null])[]) {
  const rest = [...answers];
  return {
    async *logs(): AsyncIterable<LogChunk> {
      const [texts, failure] = rest.shift() ?? [[], null];
      yield* texts.map(chunk);
      if (failure !== null) throw failure;
    },
  };
}

describe("what a container has printed", () => {
  test("is read once more from its beginning when the answer was cut, and no line of it comes twice", async () => {
    const log = recordLog();
    const containers = containersOf([["one\n", "tw"], new EngineGone("cut")], [["one\n", "two\n"], null]);
    const lines = await showOutput(containers, "c", FAILED, log);
    expect(lines.map(({ text }) => text)).toEqual(["one", "two"]);
    expect(log.said("warn")).toEqual([]);
    expect(log.said("info")).toEqual(["task output", "task output"]);
  });

  test("is what came before the engine broke off with words of its own, and that is told", async () => {
    const log = recordLog();
    const containers = containersOf([["one\n"], new EngineError(0, "the log file is broken")]);
    expect((await showOutput(containers, "c", FAILED, log)).map(({ text }) => text)).toEqual(["one"]);
    expect(log.said("warn")).toEqual(["cannot read the container's output"]);
  });
});
