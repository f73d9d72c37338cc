import { expect, test } from "bun:test";
import { howItEnded } from "../../../src/process/how-it-ended.ts";

// Once 255 was called signal 127, which there is none of.
test.each([
  [1, "exited with status 1"],
  [128, "exited with status 128"],
  [129, "was ended by signal 1 (status 129)"],
  [137, "was ended by signal 9 (status 137)"],
  [192, "was ended by signal 64 (status 192)"],
  [193, "exited with status 193"],
  [255, "exited with status 255"],
])("the status %d reads: %s", (status, words) => {
  expect(howItEnded(status)).toBe(words);
});
