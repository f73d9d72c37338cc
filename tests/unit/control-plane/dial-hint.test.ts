import { expect, test } from "bun:test";
import { dialHint } from "../../../src/control-plane/dial-hint.ts";

const NOW = new Date("2020-01-02T03:04:05Z");
const CLOCK = /^compare this host's clock, by which it is 2020-01-02T03:04:05\.000Z; /;
const AUTHORITY = /ca_file/;

test.each([
  // A host without a battery starts in another year, and nothing was said of it but this.
  ["TLS handshake failed: certificate is not yet valid", CLOCK],
  ["TLS handshake failed: certificate has expired", CLOCK],
  ["TLS handshake failed: self signed certificate in certificate chain", AUTHORITY],
  ["TLS handshake failed: self signed certificate", AUTHORITY],
  ["TLS handshake failed: unable to verify the first certificate", AUTHORITY],
  ["TLS handshake failed: unable to get local issuer certificate", AUTHORITY],
  ["self-signed certificate", AUTHORITY],
  [
    "error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED",
    /ask for another address$/,
  ],
  ["TLS handshake failed: Hostname/IP does not match certificate's altnames", null],
  // Of a company's proxy, to which credentials had been given.
  [
    "Proxy authentication required: 407 Proxy Authentication Required ( Access is denied. )",
    /Basic .* not NTLM/,
  ],
  ["The proxy answered CONNECT with status 407", /NTLM/],
  ["no connection to h:443: its name is not known", null],
])("%s", (why, hint) => {
  const said = dialHint(why, NOW);
  if (hint === null) expect(said).toBeNull();
  else expect(said).toMatch(hint);
});
