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

test("values that nothing parts, and those over many lines, are read as Docker's own client reads them", async () => {
  const text = '{"a":"}{\\"\\\\"}{"b":[{}]}\r\n{\n  "c": {\n    "d": "é"\n  }\n}null\n12\n"x"\n[1]';
  const values = [{ a: '}{"\\' }, { b: [{}] }, { c: { d: "é" } }, null, 12, "x", [1]];
  for (const size of [1, 2, 3, 7, 100]) expect(await read(text, size)).toEqual(values);
});

test("a value is told of as soon as it is whole, and not when the next one comes", async () => {
  async function* oneThenSilence() {
    yield new TextEncoder().encode('{"Action":"die"}');
    await new Promise(() => {});
  }
  const { value } = await readJsonLines(oneThenSilence())[Symbol.asyncIterator]().next();
  expect(value).toEqual({ Action: "die" });
});

test("brackets that do not match are no JSON", async () => {
  await expect(read('{"a":[1}}', 2)).rejects.toBeInstanceOf(EngineError);
  await expect(read("}\n", 2)).rejects.toBeInstanceOf(EngineError);
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
