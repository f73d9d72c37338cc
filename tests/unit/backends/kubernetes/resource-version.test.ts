import { describe, expect, test } from "bun:test";
import { isNewer } from "../../../../src/backends/kubernetes/watch/resource-version.ts";

const state = (resourceVersion?: string, uid = "u") => ({
  metadata: { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
});

describe("of two states of an object", () => {
  test.each([
    ["one with a larger number is", state("10"), state("9"), true],
    ["the same one is not", state("9"), state("9"), false],
    ["one with a smaller number is not", state("9"), state("10"), false],
    ["that of another object of the same name is", state("9", "new"), state("10"), true],
    // Of such a server's tasks no change was ever seen.
    ["one that has no number is", state(), state(), true],
    ["one is, when the other has no number", state("9"), state(), true],
  ])("%s the newer one", (_which, one, other, newer) => {
    expect(isNewer(one, other)).toBe(newer);
  });
});
