/** When a worker counts as dead, judged by its Lease. */
import { describe, expect, test } from "bun:test";
import type { V1Lease } from "@kubernetes/client-node";
import { microTime } from "../../../../src/backends/kubernetes/ownership/lease.ts";
import { VitalSigns } from "../../../../src/backends/kubernetes/ownership/vital-signs.ts";

const lease = (version: number, more: V1Lease["spec"] = {}): V1Lease => ({
  metadata: { name: "l", labels: { "oz-instance": "a" }, resourceVersion: String(version) },
  spec: { holderIdentity: "a", leaseDurationSeconds: 40, ...more },
});

const A = new Set(["a"]);

describe("a worker is dead", () => {
  test("when its Lease has not changed here for its whole duration, whatever time stands in it", () => {
    const signs = new VitalSigns();
    const longAgo = { renewTime: new Date(0) as never };
    signs.observe([lease(1, longAgo)], A, 0);
    expect(signs.isDead("a", 39_999)).toBe(false);
    expect(signs.isDead("a", 40_000)).toBe(true);
  });

  test("not as long as its Lease changes, though its clock be years ahead", () => {
    const signs = new VitalSigns();
    for (let now = 0; now <= 200_000; now += 30_000) {
      signs.observe([lease(now, { renewTime: new Date(4e12) as never })], A, now);
      expect(signs.isDead("a", now + 30_000)).toBe(false);
    }
  });

  test("at once when it has released its Lease", () => {
    const signs = new VitalSigns();
    signs.observe([lease(1, { holderIdentity: "" })], A, 0);
    expect(signs.isDead("a", 0)).toBe(true);
  });

  test("not at once when its Lease is missing: it may be about to make it again", () => {
    const signs = new VitalSigns();
    signs.observe([], A, 0);
    expect(signs.isDead("a", 39_999)).toBe(false);
    signs.observe([], A, 40_000);
    expect(signs.isDead("a", 40_000)).toBe(true);
  });

  // Nor could it renew its Lease meanwhile: whoever looked first when the API server was back took the Jobs of the others.
  test("not for the time in which nobody could look at Leases, and when it stays still after that", () => {
    const signs = new VitalSigns();
    signs.observe([lease(1)], A, 0);
    signs.sawNothing(10_000);
    signs.sawNothing(40_000);
    signs.observe([lease(1)], A, 100_000);
    expect(signs.isDead("a", 129_999)).toBe(false);
    signs.observe([lease(1)], A, 110_000);
    expect(signs.isDead("a", 130_000)).toBe(true);
  });

  test("not because its Lease gives it no time at all", () => {
    const signs = new VitalSigns();
    signs.observe([lease(1, { leaseDurationSeconds: 0 })], A, 0);
    expect(signs.isDead("a", 9_999)).toBe(false);
  });

  test("not when nothing is known of it", () => {
    expect(new VitalSigns().isDead("a", 1e9)).toBe(false);
  });
});

test("what neither runs nor has a Lease is forgotten", () => {
  const signs = new VitalSigns();
  signs.observe([lease(1)], A, 0);
  signs.observe([], new Set(), 1);
  expect(signs.known()).toEqual([]);
});

test("times of Leases have six digits of a second", () => {
  expect(microTime(new Date(0))).toBe("1970-01-01T00:00:00.000000Z");
});
