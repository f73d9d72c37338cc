import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { SendStall } from "../../../src/control-plane/send-stall.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function watched() {
  const socket = { backlog: 0 };
  const stalls: string[] = [];
  const stall = new SendStall(
    () => socket.backlog,
    (why) => stalls.push(why),
  );
  let progress = 0;
  const onProgress = () => {
    progress += 1;
  };
  return { socket, stalls, stall, watch: () => stall.watch(onProgress), progress: () => progress };
}

test("a socket with nothing waiting in it is not looked at", () => {
  const { watch, stalls } = watched();
  watch();
  expect(jest.getTimerCount()).toBe(0);
  expect(stalls).toEqual([]);
});

test("a peer that takes nothing for 10 s has stalled, and is said to once", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 500;
  watch();
  jest.advanceTimersByTime(9_800);
  expect(stalls).toEqual([]);
  jest.advanceTimersByTime(400);
  expect(stalls).toEqual(["the peer took nothing of what was sent for 10 s"]);
  jest.advanceTimersByTime(60_000);
  expect(stalls).toHaveLength(1);
  expect(jest.getTimerCount()).toBe(0);
});

test("a peer that takes a little every nine seconds has not stalled, and each time there is room", () => {
  const { socket, watch, stalls, progress } = watched();
  socket.backlog = 500;
  watch();
  for (let round = 0; round < 10; round++) {
    jest.advanceTimersByTime(9_000);
    socket.backlog -= 10;
  }
  jest.advanceTimersByTime(400);
  expect([stalls, progress()]).toEqual([[], 10]);
});

// Once: a worker that was stopped for longer than the deadline gave its connection up before it had tried to send.
test("a deadline that passed while this process was paused is looked at once more", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 500;
  watch();
  jest.advanceTimersByTime(10_000);
  expect(stalls).toEqual([]);
  socket.backlog = 0;
  jest.advanceTimersByTime(400);
  expect([stalls, jest.getTimerCount()]).toEqual([[], 0]);
});

test("a peer that goes on after that look has a whole deadline again", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 500;
  watch();
  jest.advanceTimersByTime(10_000);
  socket.backlog = 400;
  jest.advanceTimersByTime(9_800);
  expect(stalls).toEqual([]);
  jest.advanceTimersByTime(600);
  expect(stalls).toHaveLength(1);
});

test("the deadline counts from the send, however long nothing was sent before it", () => {
  const { socket, watch, stalls } = watched();
  jest.advanceTimersByTime(60_000);
  socket.backlog = 500;
  watch();
  jest.advanceTimersByTime(9_800);
  expect(stalls).toEqual([]);
});

test("what is taken before the first look makes room, too", () => {
  const { socket, watch, progress } = watched();
  socket.backlog = 500;
  watch();
  socket.backlog = 0;
  jest.advanceTimersByTime(200);
  expect(progress()).toBe(1);
});

test("it stops looking when all is taken, and looks again after the next send", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 500;
  watch();
  socket.backlog = 0;
  jest.advanceTimersByTime(400);
  expect(jest.getTimerCount()).toBe(0);
  socket.backlog = 10;
  watch();
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(11_000);
  expect(stalls).toHaveLength(1);
});

test("sends in between do not put the deadline off", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 500;
  for (let second = 0; second < 10; second++) {
    watch();
    socket.backlog += 100;
    jest.advanceTimersByTime(1_000);
  }
  jest.advanceTimersByTime(400);
  expect(stalls).toHaveLength(1);
});

test("stopped, it says nothing more", () => {
  const { socket, watch, stall, stalls } = watched();
  socket.backlog = 500;
  watch();
  stall.stop();
  stall.stop();
  jest.advanceTimersByTime(60_000);
  expect([stalls, jest.getTimerCount()]).toEqual([[], 0]);
});

// Once: what is added hides what is taken. Only a backlog below its lowest so far counts as progress, so a
// living peer that reads as fast as, or a little slower than, we send is dropped after 10 s.
test("a peer that takes less than is sent meanwhile has not stalled", () => {
  const { socket, watch, stalls } = watched();
  socket.backlog = 1_000;
  for (let second = 0; second < 30; second++) {
    watch();
    jest.advanceTimersByTime(500);
    socket.backlog += 100; // sent
    watch();
    jest.advanceTimersByTime(500);
    socket.backlog -= 90; // taken
  }
  expect(stalls).toEqual([]);
});
