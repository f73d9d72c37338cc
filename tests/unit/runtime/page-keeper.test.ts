import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { PageKeeper } from "../../../src/runtime/page-keeper.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

class Keeping implements Disposable {
  active = 0;
  given = 0;
  /** What only the start used. */
  givenFirst = 0;
  opened = 0;
  readonly keeper: PageKeeper;

  constructor(can = true) {
    this.keeper = new PageKeeper(
      () => this.active,
      () => {
        this.opened += 1;
        if (!can) return null;
        return {
          giveBackStart: () => {
            this.givenFirst += 1;
          },
          giveBackAll: () => {
            this.given += 1;
          },
        };
      },
    );
  }

  begin(tasks = 1): void {
    for (let task = 0; task < tasks; task++) {
      this.active += 1;
      this.keeper.changed();
    }
  }

  end(): void {
    this.active -= 1;
    this.keeper.changed();
  }

  [Symbol.dispose](): void {
    this.keeper[Symbol.dispose]();
  }
}

describe("the pages of the executable are given back", () => {
  test("in a moment in which tasks only run, once for all of a rush", () => {
    using pages = new Keeping();
    for (let wave = 0; wave < 5; wave++) {
      pages.begin(60);
      jest.advanceTimersByTime(300);
    }
    expect(pages.given).toBe(0);
    jest.advanceTimersByTime(500);
    expect(pages.given).toBe(1);
    jest.advanceTimersByTime(3_600_000);
    expect(pages.given).toBe(1);
  });

  test("without a task after a minute only: the next one would want them", () => {
    using pages = new Keeping();
    jest.advanceTimersByTime(59_000);
    expect(pages.given).toBe(0);
    pages.begin();
    pages.end();
    jest.advanceTimersByTime(59_000);
    expect(pages.given).toBe(0);
    jest.advanceTimersByTime(2_000);
    expect(pages.given).toBe(1);
    jest.advanceTimersByTime(3_600_000);
    expect(pages.given).toBe(1);
  });

  test("what only the start used at once, and no more of it", () => {
    using pages = new Keeping();
    jest.advanceTimersByTime(200);
    expect(pages.givenFirst).toBe(0);
    jest.advanceTimersByTime(100);
    expect(pages).toMatchObject({ givenFirst: 1, given: 0 });
    pages.begin();
    jest.advanceTimersByTime(3_600_000);
    expect(pages).toMatchObject({ givenFirst: 1, given: 1 });
  });

  test("what only the start used also when tasks were there before it was over", () => {
    using pages = new Keeping();
    pages.begin(3);
    jest.advanceTimersByTime(400);
    expect(pages).toMatchObject({ givenFirst: 1, given: 0 });
    jest.advanceTimersByTime(200);
    expect(pages).toMatchObject({ givenFirst: 1, given: 1 });
  });

  test("at most every ten seconds when short tasks come and go beside a long one", () => {
    using pages = new Keeping();
    pages.begin();
    for (let second = 0; second < 60; second++) {
      pages.begin();
      pages.end();
      jest.advanceTimersByTime(1_000);
    }
    expect(pages.given).toBeGreaterThan(3);
    expect(pages.given).toBeLessThan(8);
  });

  test("where that can be done, which is asked once and not at the start", () => {
    using pages = new Keeping(false);
    pages.begin();
    expect(pages.opened).toBe(0);
    jest.advanceTimersByTime(1_000);
    jest.advanceTimersByTime(20_000);
    pages.begin();
    jest.advanceTimersByTime(20_000);
    expect(pages).toMatchObject({ opened: 1, given: 0 });
  });
});
