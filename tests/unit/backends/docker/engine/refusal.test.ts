import { expect, test } from "bun:test";
import { notTheApi, readText, refusalOf } from "../../../../../src/backends/docker/engine/refusal.ts";

async function* chunks(count: number, text: string): AsyncIterable<Uint8Array> {
  for (let sent = 0; sent < count; sent++) yield new TextEncoder().encode(text);
}

// Counted in characters, an answer in Chinese could be three times as large as it may.
test("an answer is read up to its limit in bytes, whatever a character takes of them", async () => {
  expect(await readText(chunks(9, "ü".repeat(10)), 30)).toBe("ü".repeat(20));
  expect(await readText(chunks(9, "u".repeat(10)), 30)).toBe("u".repeat(40));
  expect(await readText(chunks(9, "ü"), 30)).toBe("ü".repeat(9));
});

test.each([
  ["the engine's own words", '{"message":"no such image"}', "no such image"],
  ["podman's", '{"cause":"no such image","response":404}', "no such image"],
  ["podman's, which it sends twice", '{"cause":"gone"}\n{"cause":"gone"}\n', "gone"],
])("a refusal is told in %s", (_whose, text, words) => {
  expect(refusalOf(404, text)).toMatchObject({ status: 404, message: words, foreign: false });
});

test.each([
  ["a page", "<style>a { b }</style><h1>Bad  Gateway</h1>", '"Bad Gateway"'],
  ["nothing", "", "nothing"],
  ["a page without end", `<p>${"lost ".repeat(100_000)}`, `"${"lost ".repeat(24)}"`],
])("of %s its beginning is quoted, and that it is somebody else's", (_what, text, quoted) => {
  const { foreign, message } = notTheApi(502, text);
  expect([foreign, message.endsWith(`(is a proxy in between?): ${quoted}`)]).toEqual([true, true]);
});
