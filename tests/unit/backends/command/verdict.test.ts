import { expect, test } from "bun:test";
import { failureWords, overTimeWords } from "../../../../src/backends/command/verdict.ts";

const keep = (text: string) => text;
const said = (stderr: string) => ({
  stdout: { text: "nobody asks", cut: false },
  stderr: { text: stderr, cut: false },
});

test.each([
  [1, "x exited with status 1"],
  [125, "x exited with status 125"],
  [126, "x could not be executed (status 126); see that the program is executable and its interpreter there"],
  [127, "x was not found (status 127); see that the program is installed and on the worker's PATH"],
  [128, "x exited with status 128"],
  [137, "x was ended by signal 9 (status 137)"],
  [192, "x was ended by signal 64 (status 192)"],
  [193, "x exited with status 193"],
  [255, "x exited with status 255"],
])("status %d: %s", (status, words) => {
  expect(failureWords("x", { kind: "exited", status }, keep)).toBe(words);
  expect(failureWords("x", { kind: "exited", status, said: said("why\n") }, keep)).toBe(`${words}: why`);
  expect(failureWords("x", { kind: "exited", status, said: said("") }, keep)).toBe(words);
});

test("a command over time is told with the limit, and its last words where there are any", () => {
  const exit = { kind: "exited", status: 143, said: said("secret") } as const;
  expect(overTimeWords("x", 60_000, exit, () => "***")).toBe(
    "x took longer than dispatch_timeout allows (60 s) and was ended: ***",
  );
  expect(overTimeWords("x", 500, { kind: "lost" }, keep)).toBe(
    "x took longer than dispatch_timeout allows (500 ms) and was ended",
  );
});
