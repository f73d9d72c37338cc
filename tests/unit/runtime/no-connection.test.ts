import { expect, test } from "bun:test";
import { wordsFor } from "../../../src/runtime/no-connection.ts";

function failure(code: string, where: string): Error {
  return Object.assign(new Error(`connect ${code} ${where}`), { code });
}

const REFUSED = failure("ECONNREFUSED", "192.0.2.1:443");
const REFUSED_6 = failure("ECONNREFUSED", "2001:db8::1:443");
const NO_WAY = failure("EHOSTUNREACH", "192.0.2.1:443");
const NO_WAY_6 = failure("ENETUNREACH", "2001:db8::1:443");
const LATE = failure("ETIMEDOUT", "192.0.2.1:443");

const NOBODY = "nothing listens there, or something on the way refuses it";

test.each([
  ["one address", [REFUSED], `${NOBODY} (connect ECONNREFUSED 192.0.2.1:443)`],
  ["one address without a way", [NO_WAY_6], "no way leads there (connect ENETUNREACH 2001:db8::1:443)"],
  // Once "nothing listens there ()".
  [
    "two addresses",
    [REFUSED_6, REFUSED],
    `${NOBODY} (connect ECONNREFUSED 2001:db8::1:443, connect ECONNREFUSED 192.0.2.1:443)`,
  ],
  [
    "two addresses, on a host without IPv6",
    [NO_WAY_6, REFUSED],
    `${NOBODY} (connect ENETUNREACH 2001:db8::1:443, connect ECONNREFUSED 192.0.2.1:443)`,
  ],
  [
    "two addresses, neither with a way",
    [NO_WAY_6, NO_WAY],
    "no way leads there (connect ENETUNREACH 2001:db8::1:443, connect EHOSTUNREACH 192.0.2.1:443)",
  ],
  [
    "two addresses, of which one does not answer",
    [NO_WAY_6, LATE],
    "no answer comes from there, as when a firewall lets nothing through (connect ENETUNREACH 2001:db8::1:443, connect ETIMEDOUT 192.0.2.1:443)",
  ],
])("that there is no connection to %s is told with the system's reasons", (_what, errors, words) => {
  expect(wordsFor(errors)).toBe(words);
});
