import { describe, expect, test } from "bun:test";
import { ReconnectBackoff } from "../../../src/control-plane/backoff.ts";

const ALMOST_ONE = 1 - Number.EPSILON;
const times = (count: number, backoff: ReconnectBackoff) =>
  Array.from({ length: count }, () => Math.ceil(backoff.next()));

describe("the delay", () => {
  test("is anything from nothing to a bound of 1 s that doubles to 60 s and stays there", () => {
    expect(times(9, new ReconnectBackoff(() => ALMOST_ONE))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
    expect(times(9, new ReconnectBackoff(() => 0))).toEqual(Array(9).fill(0));
    expect(times(3, new ReconnectBackoff(() => 0.5))).toEqual([500, 1_000, 2_000]);
  });

  test("starts again at 1 s after a reset", () => {
    const backoff = new ReconnectBackoff(() => ALMOST_ONE);
    times(8, backoff);
    backoff.reset();
    expect(times(2, backoff)).toEqual([1_000, 2_000]);
  });

  test("after a refused key is half a minute to a minute, and no other delay is short after it", () => {
    for (const [random, expected] of [
      [0, 30_000],
      [0.5, 45_000],
      [ALMOST_ONE, 60_000],
    ] as const) {
      const backoff = new ReconnectBackoff(() => random);
      expect(Math.ceil(backoff.nextAfterRefusal())).toBe(expected);
      expect(Math.ceil(backoff.next())).toBe(Math.ceil(random * 60_000));
    }
  });

  test("of two daemons is not the same", () => {
    const [one, other] = [new ReconnectBackoff(), new ReconnectBackoff()];
    expect(times(20, one)).not.toEqual(times(20, other));
  });
});
