import { describe, expect, test } from "bun:test";
import { type HandshakeSettings, prepareHandshake } from "../../../src/control-plane/handshake.ts";

const settings = (more: Partial<HandshakeSettings> = {}): HandshakeSettings => ({
  webSocketUrl: "wss://oz.warp.dev/api/v1/selfhosted/worker/ws",
  workerId: "w",
  userAgent: "worker/1",
  readKey: async () => "key",
  proxyVariables: {},
  privateCa: null,
  ...more,
});

describe("the URL", () => {
  test.each([
    ["wss://h/p", "w", "wss://h/p?worker_id=w"],
    ["wss://h/p?a=1&b=2", "w", "wss://h/p?a=1&b=2&worker_id=w"],
    ["wss://h/p?worker_id=old", "new", "wss://h/p?worker_id=new"],
    ["ws://127.0.0.1:8080", "w", "ws://127.0.0.1:8080/?worker_id=w"],
    ["wss://h/p", "a b/c&d=é", "wss://h/p?worker_id=a+b%2Fc%26d%3D%C3%A9"],
  ])("%s for the worker %s is %s", async (webSocketUrl, workerId, url) => {
    expect((await prepareHandshake(settings({ webSocketUrl, workerId }))).url).toBe(url);
  });
});

test("the key is read at every handshake and goes out as a bearer token", async () => {
  const keys = ["first", "second"];
  const changing = settings({ readKey: async () => keys.shift() ?? "" });
  expect((await prepareHandshake(changing)).headers).toMatchObject({ Authorization: "Bearer first" });
  expect((await prepareHandshake(changing)).headers).toMatchObject({ Authorization: "Bearer second" });
});

test("a key that cannot be read is a rejection with the reader's words", async () => {
  const unreadable = settings({ readKey: () => Promise.reject(new Error("Cannot read /key")) });
  expect(prepareHandshake(unreadable)).rejects.toThrow("Cannot read /key");
});

test("a private CA is trusted beside the default ones, not instead of them", async () => {
  expect((await prepareHandshake(settings())).certificateAuthorities).toBeNull();
  const { certificateAuthorities } = await prepareHandshake(settings({ privateCa: "PEM" }));
  expect(certificateAuthorities?.at(-1)).toBe("PEM");
  expect(certificateAuthorities?.length).toBeGreaterThan(50);
});

test("the proxy follows the variables", async () => {
  const proxyVariables = { HTTPS_PROXY: "http://u:p@proxy:1" };
  expect((await prepareHandshake(settings({ proxyVariables }))).proxy).toBe("http://u:p@proxy:1");
});
