/** Which address is really listened on. */
import { expect, test } from "bun:test";
import { listenOn } from "../../../src/runtime/listen-host.ts";

/** Listens on all but what begins with `refused`, and says where. */
const refusing = (code: string, refused: string) => (hostname: string) => {
  if (!hostname.startsWith(refused)) return hostname;
  throw Object.assign(new Error(`${code}: in the system's words`), { code });
};

test.each([
  ["every address, on a host without IPv6", "::", "EAFNOSUPPORT", "0.0.0.0"],
  ["localhost, where its name is that of IPv6", "localhost", "EADDRNOTAVAIL", "127.0.0.1"],
])("%s is the one of IPv4", (_what, host, code, listened) => {
  expect(listenOn(host, refusing(code, host))).toBe(listened);
});

test.each([
  ["::", "EADDRINUSE", "EADDRINUSE: in the system's words"],
  ["::1", "EAFNOSUPPORT", "EAFNOSUPPORT: in the system's words"],
  ["nowhere.invalid", "ENOENT", 'no address is known for the name "nowhere.invalid"'],
])("%s that cannot be had for %s is not exchanged for another", (host, code, words) => {
  expect(() => listenOn(host, refusing(code, host))).toThrow(words);
});
