import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { freeBytesAt, sizeText } from "../../../src/doctor/free-space.ts";

test.each([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1024, "1.0 KB"],
  [100 * 1024 ** 2, "100.0 MB"],
  [1.5 * 1024 ** 3, "1.5 GB"],
  [2 * 1024 ** 5, "2048.0 TB"],
])("%d is %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test("there is some room where tests have their files, and none is known where there is no folder", async () => {
  expect(await freeBytesAt(tmpdir())).toBeGreaterThan(0);
  expect(freeBytesAt("/no/such/folder")).rejects.toThrow("ENOENT");
});
