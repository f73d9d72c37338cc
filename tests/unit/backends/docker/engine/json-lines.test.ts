import { expect, test } from "bun:test";
import { EngineError } from "../../../../../src/backends/docker/engine/errors.ts";
import { readJsonLines } from "../../../../../src/backends/docker/engine/json-lines.ts";

async function read(text: string, size: number): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  return Array.fromAsync(readJsonLines(pieces()));
}

test("lines are read whole wherever they were cut, in the middle of a letter too", async () => {
  const text = '{"status":"Größe ✓"}\r\n\r\n{"id":"a"}\n{"last":true}';
  for (const size of [1, 2, 3, 5, 8, 100]) {
    expect(await read(text, size)).toEqual([{ status: "Größe ✓" }, { id: "a" }, { last: true }]);
  }
});

test("an empty stream has no lines", async () => {
  expect(await read("\r\n", 1)).toEqual([]);
});

test("a page of a proxy in place of progress is quoted without its tags", async () => {
  const reading = read("<html><style>b{}</style><b>Gateway</b> Timeout</html>\n", 10);
  await expect(reading).rejects.toBeInstanceOf(EngineError);
  await expect(reading).rejects.toThrow(/not the Docker API \(is a proxy in between\?\): "Gateway Timeout"/);
});

test("a line without end is given up before it fills the memory", async () => {
  await expect(read(`"${"x".repeat(2_000_000)}`, 100_000)).rejects.toBeInstanceOf(EngineError);
});
