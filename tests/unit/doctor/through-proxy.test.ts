import { expect, test } from "bun:test";
import { throughProxy } from "../../../src/doctor/through-proxy.ts";
import { addressOf } from "../../../src/runtime/proxy.ts";

test.each([
  [null, "without a proxy"],
  ["http://proxy.test:3128", "through the proxy proxy.test:3128"],
  ["http://user:password@proxy.test", "through the proxy proxy.test:80"],
  ["https://proxy.test", "through the proxy proxy.test:443"],
])("%p is %s", (proxy, words) => {
  expect(throughProxy(proxy)).toBe(words);
});

test.each([
  ["http://localhost:4318/v1/metrics", { host: "localhost", port: 4318 }],
  ["https://user:password@collector.test/v1", { host: "collector.test", port: 443 }],
  ["http://[::1]:4317", { host: "::1", port: 4317 }],
])("%s is dialled as %o", (url, address) => {
  expect(addressOf(new URL(url))).toEqual(address);
});
