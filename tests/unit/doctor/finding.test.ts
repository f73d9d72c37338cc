import { expect, test } from "bun:test";
import { splitAdvice } from "../../../src/doctor/finding.ts";

test.each([
  ["It is gone", { detail: "It is gone" }],
  ["It is gone; look for it", { detail: "It is gone", hint: "look for it" }],
  // The words of a role have semicolons of their own, and half of them are no advice.
  ["Not allowed; grant: create jobs; get pods", { detail: "Not allowed; grant: create jobs; get pods" }],
  ["", { detail: "" }],
])("of %p what to do is told apart where that is certain", (text, parts) => {
  expect(splitAdvice(text)).toEqual(parts);
});
