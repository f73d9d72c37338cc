import { expect, test } from "bun:test";
import { wordsOf } from "../../../src/logging/words-of.ts";

// Once `health`, and the warning about a collector, ended with a question to the operator, or with advice about fetch().
test.each([
  [
    "ECONNREFUSED: Unable to connect. Is the computer able to access the url?",
    "ECONNREFUSED: Unable to connect",
  ],
  [
    "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
    "ECONNRESET: The socket connection was closed unexpectedly",
  ],
  ["anything else. Really?", "anything else. Really?"],
])("of %j is told what is of use to the operator", (said, words) => {
  expect(wordsOf(new Error(said))).toBe(words);
});
