/** The lines of a watch, however the network cuts them. */
import { describe, expect, test } from "bun:test";
import { jsonLines } from "../../../../src/backends/kubernetes/watch/json-lines.ts";
import { isLater } from "../../../../src/backends/kubernetes/watch/resource-version.ts";

const TEXT = `{"a":"ü€😀"}\n\n{"b":2}\r\n[3]\n`;

function streamOf(pieces: Iterable<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
}

const read = (stream: ReadableStream<Uint8Array>) => Array.fromAsync(jsonLines(stream));

describe("the JSON lines of a stream", () => {
  test.each([1, 2, 3, 5, 1000])("are the same in pieces of %d bytes", async (size) => {
    const bytes = new TextEncoder().encode(TEXT);
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    expect(await read(streamOf(pieces))).toEqual([{ a: "ü€😀" }, { b: 2 }, [3]]);
  });

  test("leave out a last one that was cut", async () => {
    expect(await read(streamOf([new TextEncoder().encode('{"a":1}\n{"a":')]))).toEqual([{ a: 1 }]);
  });

  test("are given up when one does not end", async () => {
    const piece = new Uint8Array(1024 * 1024).fill(65);
    await expect(read(streamOf(Array.from({ length: 20 }, () => piece)))).rejects.toThrow("too long");
  });
});

test.each([
  ["10", "9", true],
  ["9", "10", false],
  ["10", "10", false],
  ["18446744073709551615", "18446744073709551614", true],
])("version %s is later than %s: %p", (one, other, expected) => {
  expect(isLater(one, other)).toBe(expected);
});
