import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { PullWatch, STALL_MS } from "../../../../../src/backends/docker/images/pull-watch.ts";
import { recordLog } from "../../../logging/recorded-log.ts";

const PROGRESS = { id: "a1b2", status: "Downloading", currentBytes: 1, totalBytes: 9 };

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe("a pull that is watched", () => {
  test("is ended when nothing was heard of it for a quarter of an hour", () => {
    using watch = new PullWatch(new AbortController().signal, recordLog());
    jest.advanceTimersByTime(STALL_MS - 1);
    expect(watch.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(watch.signal.reason.message).toBe("the engine has said nothing of it for 15 minutes");
  });

  test("goes on for hours as long as anything is heard", () => {
    using watch = new PullWatch(new AbortController().signal, recordLog());
    for (let quarter = 0; quarter < 12; quarter++) {
      jest.advanceTimersByTime(STALL_MS - 1);
      watch.saw(PROGRESS);
    }
    expect(watch.signal.aborted).toBe(false);
  });

  test("ends with its own signal, for that one's reason", () => {
    const stop = new AbortController();
    using watch = new PullWatch(stop.signal, recordLog());
    stop.abort("enough");
    expect(watch.signal.reason).toBe("enough");
    using late = new PullWatch(stop.signal, recordLog());
    expect(late.signal.reason).toBe("enough");
  });

  test("leaves nothing behind", () => {
    const stop = new AbortController();
    const watch = new PullWatch(stop.signal, recordLog());
    watch[Symbol.dispose]();
    jest.advanceTimersByTime(2 * STALL_MS);
    stop.abort("enough");
    expect(watch.signal.aborted).toBe(false);
  });

  test("is told of at debug, at most every five seconds however much the engine says", () => {
    const log = recordLog();
    using watch = new PullWatch(new AbortController().signal, log);
    for (let tenth = 0; tenth < 120; tenth++) {
      watch.saw(PROGRESS);
      jest.advanceTimersByTime(100);
    }
    expect(log.lines).toEqual([
      {
        level: "debug",
        message: "pull goes on",
        fields: { layer: "a1b2", status: "Downloading", currentBytes: 1, totalBytes: 9 },
      },
      { level: "debug", message: "pull goes on", fields: expect.anything() },
    ]);
  });
});
