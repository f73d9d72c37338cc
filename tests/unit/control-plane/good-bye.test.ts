import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { GoodBye } from "../../../src/control-plane/good-bye.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function watched() {
  const socket = {
    closing: false,
    drops: 0,
    drop() {
      this.drops += 1;
    },
  };
  const goodBye = new GoodBye(socket);
  goodBye.watch();
  return { socket, goodBye };
}

test("a socket that is open is left alone for as long as it is", () => {
  const { socket } = watched();
  jest.advanceTimersByTime(3_600_000);
  expect(socket.drops).toBe(0);
});

test("one that is closing has a second for its good end, and is then dropped, once", () => {
  const { socket } = watched();
  jest.advanceTimersByTime(500);
  socket.closing = true;
  jest.advanceTimersByTime(1_000);
  expect(socket.drops).toBe(0);
  jest.advanceTimersByTime(60_000);
  expect([socket.drops, jest.getTimerCount()]).toEqual([1, 0]);
});

test("nothing is looked at after the end", () => {
  const { socket, goodBye } = watched();
  socket.closing = true;
  goodBye.stop();
  expect(jest.getTimerCount()).toBe(0);
  jest.advanceTimersByTime(60_000);
  expect(socket.drops).toBe(0);
});
