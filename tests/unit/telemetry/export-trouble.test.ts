import { describe, expect, test } from "bun:test";
import { ExportTrouble } from "../../../src/telemetry/export-trouble.ts";
import { recordLog } from "../logging/recorded-log.ts";

function trouble() {
  const log = recordLog();
  return { log, trouble: new ExportTrouble(log, "metrics", "do this") };
}

describe("export trouble", () => {
  test("is told once, then silently counted, and summed up at the end", () => {
    const { log, trouble: it } = trouble();
    for (let i = 0; i < 500; i++) it.failed("nobody there");
    it.stopped();
    expect(log.said("warn")).toHaveLength(1);
    expect(log.said("info")).toEqual(["metrics could not be exported to the end"]);
    expect(log.lines.at(-1)?.fields).toEqual({ failures: 500 });
  });

  test("that ends is told with its count", () => {
    const { log, trouble: it } = trouble();
    it.failed("a");
    it.failed("b");
    it.succeeded();
    it.succeeded();
    expect(log.said("info")).toEqual(["metrics are exported again"]);
    expect(log.lines.at(-1)?.fields).toMatchObject({ afterFailures: 2 });
  });

  // "Nothing more is said until that works", and nothing was said ever after: of the next outage only its end was told.
  test("that comes back after an outage was told to its end is warned of again", () => {
    const { log, trouble: it } = trouble();
    for (let outage = 0; outage < 2; outage++) {
      for (let i = 0; i < 3; i++) it.failed("nobody there");
      it.succeeded();
    }
    const once = [
      "metrics could not be exported; nothing more is said until that works",
      "metrics are exported again",
    ];
    expect(log.said()).toEqual([...once, ...once]);
  });

  test("that comes and goes all day makes one warning", () => {
    const { log, trouble: it } = trouble();
    for (let i = 0; i < 500; i++) {
      it.failed("now and then");
      it.succeeded();
    }
    expect(log.said()).toEqual(["metrics could not be exported; nothing more is said until that works"]);
  });

  test("in the collector's endless words is cut", () => {
    const { log, trouble: it } = trouble();
    it.failed("x".repeat(10_000));
    expect(String(log.lines[0]?.fields["why"])).toHaveLength(300);
  });

  test("of a collector that refuses some of it is told once", () => {
    const { log, trouble: it } = trouble();
    it.tookInPart("3 refused");
    it.tookInPart("3 refused");
    expect(log.said("warn")).toHaveLength(1);
  });
});
