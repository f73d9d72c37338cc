import { afterEach, expect, jest, test } from "bun:test";
import { Connection } from "../../../src/control-plane/connection.ts";
import { Outbox } from "../../../src/control-plane/outbox.ts";

afterEach(() => void jest.useRealTimers());

// Once: the handshake's timer is set before the socket is opened. When opening throws (a proxy of an unknown
// kind, a key with a line break in it), 30 s later the timer finds half a connection and throws into the void.
test.each([
  ["a proxy of an unknown kind", { proxy: "socks5://127.0.0.1:1" }],
  ["a key that no header can hold", { headers: { Authorization: "Bearer a\nb" } }],
  ["a URL with a fragment", { url: "ws://127.0.0.1:1/#x" }],
])("an attempt that cannot even begin, for %s, leaves no timer behind", (_why, options) => {
  jest.useFakeTimers();
  const socket = {
    url: "ws://127.0.0.1:1/",
    headers: {},
    proxy: null,
    certificateAuthorities: null,
    ...options,
  };
  const hooks = { onOpen: () => {}, onText: () => {}, onPong: () => {}, onProven: () => {} };
  expect(() => new Connection(socket, new Outbox(() => {}), hooks)).toThrow();
  const left = jest.getTimerCount();
  jest.clearAllTimers();
  expect(left).toBe(0);
});
