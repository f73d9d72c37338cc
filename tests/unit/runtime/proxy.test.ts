import { describe, expect, test } from "bun:test";
import { type ProxyVariables, proxyFor } from "../../../src/runtime/proxy.ts";

const P = "http://proxy:3128";
const over = (url: string, variables: ProxyVariables) => proxyFor(new URL(url), variables);

describe("which variable counts", () => {
  test.each<[string, ProxyVariables, string | null]>([
    ["wss://h/x", {}, null],
    ["wss://h/x", { HTTPS_PROXY: P }, P],
    ["wss://h/x", { https_proxy: P }, P],
    ["https://h/x", { HTTPS_PROXY: P }, P],
    ["wss://h/x", { HTTP_PROXY: P }, null],
    ["ws://h/x", { HTTP_PROXY: P }, P],
    ["ws://h/x", { http_proxy: P }, P],
    ["ws://h/x", { HTTPS_PROXY: P }, null],
    ["wss://h/x", { HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:1" }, "http://lower:1"],
    ["wss://h/x", { HTTPS_PROXY: P, https_proxy: "" }, P],
    ["wss://h/x", { HTTPS_PROXY: "" }, null],
    ["wss://h/x", { HTTPS_PROXY: "   " }, null],
    ["wss://h/x", { HTTPS_PROXY: undefined }, null],
    ["wss://h/x", { HTTPS_PROXY: ` ${P} ` }, P],
    ["wss://h/x", { HTTPS_PROXY: "proxy:3128" }, P],
    ["wss://h/x", { HTTPS_PROXY: "10.0.0.1:3128" }, "http://10.0.0.1:3128"],
    ["wss://h/x", { HTTPS_PROXY: "https://proxy:3128" }, "https://proxy:3128"],
    ["wss://h/x", { HTTPS_PROXY: "http://user:pa%40ss@proxy:3128" }, "http://user:pa%40ss@proxy:3128"],
    ["wss://h/x", { HTTPS_PROXY: "user:pass@proxy:3128" }, "http://user:pass@proxy:3128"],
  ])("%s with %j goes through %p", (url, variables, expected) => {
    expect(over(url, variables)).toBe(expected);
  });

  test("one that is no URL is refused by its name, and its credentials stay out of the words", () => {
    const bad = () => over("wss://h/x", { HTTPS_PROXY: "http://user:hunter2@:99999" });
    expect(bad).toThrow("HTTPS_PROXY is not a proxy of HTTP");
    expect(bad).not.toThrow("hunter2");
  });

  // Bun's WebSocket throws on these; each attempt once failed in its words, and 30 s later with a stray error.
  test.each([["socks5://proxy:1080"], ["ftp://proxy"], ["file:///etc/passwd"]])(
    "a proxy of a kind that cannot be used, %s, is refused by the variable's name",
    (proxy) => {
      expect(() => over("wss://h/x", { HTTPS_PROXY: proxy })).toThrow("HTTPS_PROXY");
    },
  );
});

describe("NO_PROXY", () => {
  const table: [string, string, boolean][] = [
    // names and suffixes
    ["oz.warp.dev", "oz.warp.dev", true],
    ["oz.warp.dev", "OZ.Warp.DEV", true],
    ["oz.warp.dev", "warp.dev", true],
    ["oz.warp.dev", ".warp.dev", true],
    ["oz.warp.dev", "*.warp.dev", true],
    ["oz.warp.dev", "*", true],
    ["oz.warp.dev", "dev", true],
    ["warp.dev", ".warp.dev", false],
    ["warp.dev", "*.warp.dev", false],
    ["warp.dev", "warp.dev", true],
    ["notwarp.dev", "warp.dev", false],
    ["oz.warp.dev", "z.warp.dev", false],
    ["oz.warp.dev.evil.com", "warp.dev", false],
    ["oz.warp.dev", "example.com", false],
    // lists
    ["oz.warp.dev", "a.com, oz.warp.dev ,b.com", true],
    ["oz.warp.dev", "a.com oz.warp.dev", true],
    ["oz.warp.dev", ",,", false],
    ["oz.warp.dev", " ", false],
    ["oz.warp.dev", "", false],
    // ports
    ["oz.warp.dev", "oz.warp.dev:443", true],
    ["oz.warp.dev", "oz.warp.dev:8443", false],
    ["oz.warp.dev:8443", "oz.warp.dev:8443", true],
    ["oz.warp.dev:8443", "oz.warp.dev", true],
    ["oz.warp.dev:8443", "warp.dev:443", false],
    ["oz.warp.dev", "*.warp.dev:443", true],
    // IPv4
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.4", false],
    ["10.1.2.3", "2.3", false],
    ["10.1.2.3", ".2.3", false],
    ["10.1.2.3", "10.1.2.3:443", true],
    ["10.1.2.3", "10.1.2.3:80", false],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.1.2.3/32", true],
    ["10.1.2.3", "0.0.0.0/0", true],
    ["10.1.2.3", "10.0.0.0/33", false],
    ["10.1.2.3", "10.0.0.0/", false],
    ["10.1.2.3", "10.0.0.0/x", false],
    ["10.1.2.3", "10.0.0/8", false],
    ["10.1.2.3", "fe80::/10", false],
    ["oz.warp.dev", "10.0.0.0/8", false],
    ["oz.warp.dev", "0.0.0.0/0", false],
    // IPv6
    ["[fe80::1]", "fe80::1", true],
    ["[fe80::1]", "FE80::1", true],
    ["[fe80::1]", "[fe80::1]", true],
    ["[fe80::1]", "[fe80::1]:443", true],
    ["[fe80::1]", "[fe80::1]:80", false],
    ["[fe80::1]", "fe80::2", false],
    ["[fe80::1]", "fe80::/10", true],
    ["[2001:db8::1]", "fe80::/10", false],
    ["[2001:db8::1]", "2001:db8::/32", true],
    ["[2001:db8::1]", "::/0", true],
    ["[2001:db8::1]", "10.0.0.0/8", false],
    ["[2001:db8::1]", "2001:db8::/129", false],
  ];

  test.each(table)("the host %s with NO_PROXY=%s is exempt: %p", (host, exemptions, exempt) => {
    for (const name of ["NO_PROXY", "no_proxy"]) {
      expect(over(`wss://${host}/x`, { HTTPS_PROXY: P, [name]: exemptions })).toBe(exempt ? null : P);
    }
  });

  test.each([
    ["ws://h/x", "h:80", null],
    ["ws://h/x", "h:443", P],
    ["http://h/x", "h:80", null],
    ["https://h/x", "h:443", null],
  ])("the port of %s without one is the protocol's own: %s", (url, exemptions, expected) => {
    expect(over(url, { HTTP_PROXY: P, HTTPS_PROXY: P, NO_PROXY: exemptions })).toBe(expected);
  });

  // Once: addresses are compared as text, so another way of writing the same one does not match.
  test("an IPv6 address is the same however it is written", () => {
    expect(over("wss://[fe80::1]/x", { HTTPS_PROXY: P, NO_PROXY: "fe80:0:0:0:0:0:0:1" })).toBeNull();
  });

  test("an exemption is not asked about when there is no proxy", () => {
    expect(over("wss://h/x", { NO_PROXY: "\u0000/[[" })).toBeNull();
  });
});
