import { describe, expect, test } from "bun:test";
import { unixAddress } from "../../../src/runtime/unix-address.ts";

const FAMILY = [1, 0];
const bytes = (text: string) => [...new TextEncoder().encode(text)];

describe("the address of a socket on this host", () => {
  test("is its family and its path", () => {
    expect([...(unixAddress("/run/x") ?? [])]).toEqual([...FAMILY, ...bytes("/run/x")]);
  });

  test("begins with a zero where it is in no folder", () => {
    expect([...(unixAddress("@name") ?? [])]).toEqual([...FAMILY, 0, ...bytes("name")]);
  });

  test("is of 107 bytes at most", () => {
    expect(unixAddress(`/${"x".repeat(106)}`)).toHaveLength(109);
    expect(unixAddress(`/${"x".repeat(107)}`)).toBeNull();
    expect(unixAddress(`/${"\u00fc".repeat(54)}`)).toBeNull();
  });

  test.each(["", "/", "@", "relative", "vsock:2:1234", "/a\0b"])("is none for %j", (name) => {
    expect(unixAddress(name)).toBeNull();
  });
});
