import { describe, expect, test } from "bun:test";
import { EngineError, EngineGone } from "../../../../../src/backends/docker/engine/errors.ts";
import {
  failureWords,
  ImageError,
  isAboutCredentials,
  PullPatience,
  triesFor,
} from "../../../../../src/backends/docker/images/pull-failure.ts";

/** As engines really said it: [what the registry did, status, words]. */
const REFUSALS: readonly [string, number, string][] = [
  ["20.10, no password", 500, 'Head "http://h:1/v2/t/manifests/1": no basic auth credentials'],
  ["20.10, wrong password", 500, "unauthorized: authentication required"],
  ["20.10, registry without words, 401", 500, "unauthorized"],
  ["20.10, registry without words, 403", 500, "denied"],
  [
    "29, no password",
    500,
    'failed to resolve reference "h:1/t:1": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials',
  ],
  [
    "29, wrong password",
    500,
    'unknown: failed to resolve reference "h:1/t:1": unexpected status from HEAD request to http://h:1/v2/t/manifests/1: 401 Unauthorized',
  ],
  ["29, 403", 500, "error from registry: denied\ndenied"],
  [
    "podman",
    0,
    "initializing source docker://h:1/t:1: unable to retrieve auth token: invalid username/password: unauthorized: x",
  ],
];

const TRANSIENT: readonly [string, number, string][] = [
  ["20.10, rate limit", 500, "toomanyrequests: You have reached your pull rate limit"],
  [
    "29, rate limit",
    500,
    "unknown: failed to resolve: unexpected status from HEAD request to http://h:1/v2/x/manifests/1: 429 Too Many Requests",
  ],
  ["20.10, 503", 500, "received unexpected HTTP status: 503 Service Unavailable"],
  ["20.10, refused", 500, 'Get "http://h:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused'],
  ["20.10, in a layer", 0, "unexpected EOF"],
  ["the engine's disk", 500, "open /var/lib/docker/tmp/GetImageBlob1: permission denied"],
  ["a proxy before the engine", 429, "slow down"],
  ["a proxy before the engine", 502, "Bad Gateway"],
];

const FINAL: readonly [string, number, string][] = [
  ["no such tag", 404, "manifest for h:1/t:99 not found: manifest unknown: manifest unknown"],
  ["a bad name", 400, "invalid reference format"],
  ["20.10, no such platform", 0, "no matching manifest for linux/amd64 in the manifest list entries"],
  ["podman, no such tag", 0, "reading manifest 9 in h:1/t: manifest unknown"],
];

describe("a failed pull", () => {
  test.each(REFUSALS)("for want of the right credential is not tried again: %s", (_who, status, words) => {
    const error = new EngineError(status, words);
    expect(triesFor(error)).toBe(1);
    expect(isAboutCredentials(error)).toBe(true);
  });

  test.each(TRANSIENT)("that may pass is tried again: %s", (_who, status, words) => {
    const error = new EngineError(status, words);
    expect(triesFor(error)).toBe(4);
    expect(isAboutCredentials(error)).toBe(false);
  });

  test.each(FINAL)("that cannot pass is not tried again: %s", (_what, status, words) => {
    expect(triesFor(new EngineError(status, words))).toBe(1);
  });

  test("by an engine that is gone is tried for longer, by a defect of ours never", () => {
    expect(triesFor(new EngineGone("the connection was cut"))).toBe(8);
    expect(triesFor(new TypeError("x is undefined"))).toBe(1);
    expect(triesFor(new ImageError("no"))).toBe(1);
  });

  test("whose answer was spoiled on the way is tried again, unless a proxy refused it", () => {
    const page = (status: number) => triesFor(new EngineError(status, "<h1>Hello</h1>", true));
    expect([200, 301, 404, 403].map(page)).toEqual([4, 4, 4, 1]);
  });

  test("of what the registry hides is worth a word about credentials", () => {
    const hidden =
      "pull access denied for team/tool, repository does not exist or may require 'docker login'";
    expect(isAboutCredentials(new EngineError(404, hidden))).toBe(true);
    expect(isAboutCredentials(new EngineGone("unauthorized: x"))).toBe(false);
  });

  test("is told on one line, of a length that can be read", () => {
    expect(failureWords(new EngineError(500, "error from registry: denied\n  denied\n"))).toBe(
      "error from registry: denied; denied",
    );
    expect(failureWords(new EngineError(500, "x".repeat(100_000)))).toBe(`${"x".repeat(600)}...`);
    expect(failureWords(new EngineError(500, ""))).toBe("the engine did not say why");
  });
});

describe("a pull", () => {
  const gone = new EngineGone("Failed to connect");
  const broken = new EngineError(500, "the client connection is closing");

  // Eight tries were over within five seconds, and with them the tasks that came while an engine was restarted.
  test("is tried for as long as an engine may be away for a restart, and eight times at least", () => {
    let now = 0;
    const patience = new PullPatience(() => now);
    for (let tries = 1; tries <= 20; tries++) expect(patience.allowsAnother(gone)).toBe(true);
    now = 60_000;
    expect(patience.allowsAnother(gone)).toBe(false);
    const cutAfterHours = new PullPatience(() => now);
    for (let tries = 1; tries < 8; tries++) {
      now += 3_600_000;
      expect(cutAfterHours.allowsAnother(gone)).toBe(true);
    }
    now += 3_600_000;
    expect(cutAfterHours.allowsAnother(gone)).toBe(false);
  });

  test("is not given up at the first answer of an engine that was away", () => {
    const patience = new PullPatience(() => 0);
    for (let tries = 1; tries <= 7; tries++) patience.allowsAnother(gone);
    const answers = [1, 2, 3, 4].map(() => patience.allowsAnother(broken));
    expect(answers).toEqual([true, true, true, false]);
  });
});
