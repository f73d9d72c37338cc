import { describe, expect, test } from "bun:test";
import { compareVersions, negotiate } from "../../../../../src/backends/docker/engine/version.ts";

describe("the version that is spoken", () => {
  const agreed: readonly (readonly [newest: string, oldest: string, api: string])[] = [
    ["1.25", "1.12", "1.25"],
    ["1.40", "1.12", "1.40"],
    ["1.41", "1.12", "1.41"],
    ["1.41", "", "1.41"],
    ["1.44", "1.44", "1.44"],
    ["1.56", "1.40", "1.56"],
    ["1.99", "1.44", "1.56"],
    ["2.0", "1.44", "1.56"],
  ];
  for (const [newest, oldest, api] of agreed) {
    test(`with an engine of ${oldest || "?"} to ${newest} is ${api}`, () => {
      expect(negotiate(newest, oldest)).toEqual({ api });
    });
  }

  test("is none with an engine that is too old, and says what to upgrade", () => {
    for (const newest of ["1.24", "1.9", "1.4", "0.9"]) {
      expect(negotiate(newest, "1.2")).toEqual({
        refusal: expect.stringMatching(new RegExp(`API ${newest} .*upgrade the engine`)),
      });
    }
  });

  test("is none with an engine that is too new, and says what to upgrade", () => {
    expect(negotiate("1.99", "1.90")).toEqual({ refusal: expect.stringContaining("upgrade the worker") });
  });
});

test("versions compare by number", () => {
  const sorted = ["1.9", "1.41", "1.41.1", "1.100", "2.0"];
  for (const [at, version] of sorted.entries()) {
    for (const [other, compared] of sorted.entries()) {
      expect(Math.sign(compareVersions(version, compared))).toBe(Math.sign(at - other));
    }
  }
});
