import { describe, expect, test } from "bun:test";
import { maskWords } from "../../../src/process/start-words.ts";

const KEY = "wk-1234";

function masked(...words: readonly string[]): string[] {
  const bytes = Buffer.from(words.map((word) => `${word}\0`).join(""));
  maskWords(bytes, [Buffer.from(KEY)]);
  return bytes.toString().split("\0").slice(0, -1);
}

describe("of the words that a process was started with", () => {
  test.each([
    [
      ["worker", "--api-key", KEY, "--debug"],
      ["worker", "--api-key", "*******", "--debug"],
    ],
    [[`--api-key=${KEY}`], ["--api-key=*******"]],
    [
      ["A=1", `WARP_API_KEY=${KEY}`, "", "B=2"],
      ["A=1", "WARP_API_KEY=*******", "", "B=2"],
    ],
  ])("%j: only what is the key is masked", (words, shown) => {
    expect(masked(...words)).toEqual(shown);
  });

  test.each([[`${KEY}5`], [`x${KEY}`], [`A=${KEY}=`], [`A=B=${KEY}`], ["="], [""]])(
    "%j stays, for it is another word",
    (word) => {
      expect(masked(word)).toEqual([word]);
    },
  );

  test("the last may lack its end", () => {
    const bytes = Buffer.from(`A=1\0K=${KEY}`);
    maskWords(bytes, [Buffer.from(KEY)]);
    expect(bytes.toString()).toBe("A=1\0K=*******");
  });
});
