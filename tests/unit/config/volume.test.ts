import { describe, expect, test } from "bun:test";
import {
  parseVolume,
  repeatedContainerPaths,
  VOLUME,
  VOLUME_RULE,
  volumeProblem,
} from "../../../src/config/volume.ts";

describe("a volume", () => {
  test.each([
    ["/data:/data", "/data", "/data", false],
    ["/data:/data:rw", "/data", "/data", false],
    ["/data:/in/there:ro", "/data", "/in/there", true],
    ["/:/host:ro", "/", "/host", true],
    ["/with space/ü:/c", "/with space/ü", "/c", false],
  ])("%s is read", (spec, hostPath, containerPath, readOnly) => {
    expect(volumeProblem(spec)).toBeNull();
    expect(parseVolume(spec)).toEqual({ spec, hostPath, containerPath, readOnly });
    expect(new RegExp(VOLUME).test(spec)).toBe(true);
  });

  test.each([
    ["", "there is no path in the container"],
    ["/data", "there is no path in the container"],
    [":/data", "the host's path is empty"],
    ["/data:", "the container's path is empty"],
    ["/a:/b:", "the mode is neither ro nor rw"],
    ["/a:/b:/c:/d", "there are too many colons"],
    ["a:b:c:d", "there are too many colons"],
    ["/a:/b:ro:z", "there are too many colons"],
    ["/a:/b:ro,z", "the mode is neither ro nor rw"],
    ["/a:/b:RO", "the mode is neither ro nor rw"],
    ["./a:/b", "the host's path is relative"],
    ["..:/b", "the host's path is relative"],
    ["a/b:/c", "the host's path is relative"],
    ["~/a:/b", "the host's path is relative"],
    ["cache:/b", "the host's path is relative, or the name of a volume, which cannot be mounted"],
    ["C:\\data:/b", "the host's path is relative, or the name of a volume, which cannot be mounted"],
    ["/a:b", "the container's path is relative"],
    ["/a:./b", "the container's path is relative"],
    ["/a:/", "the container's root cannot be mounted over"],
    ["/a:/b/..", "the container's root cannot be mounted over"],
    ["/a\0:/b", "no path holds a NUL character"],
  ])("%j is refused with the reason", (spec, reason) => {
    expect(volumeProblem(spec)).toBe(`${VOLUME_RULE} (${reason})`);
  });
});

test("paths in the container are the same however they are written", () => {
  expect(repeatedContainerPaths(["/a:/x", "/b:/y", "/c:/x/z"])).toEqual([]);
  expect(repeatedContainerPaths(["/a:/x", "/b:/x/", "/c:/./x:ro", "/d:/y", "/e:/x/../y"])).toEqual([
    "/x",
    "/y",
  ]);
});
