/**
 * What to do about a certificate that was not accepted, or a proxy that wants to know who asks. By the words, for a
 * WebSocket's failure has no code; Deno has fewer, and of a certificate out of its time says only that it cannot be verified.
 */

/** `why`: how a handshake failed; `now`: the time of this host. Null: nothing more is to be said than that. */
export function dialHint(why: string, now: Date): string | null {
  return HINTS.find(([words]) => words.test(why))?.[1](now) ?? null;
}

const HINTS: readonly (readonly [RegExp, (now: Date) => string])[] = [
  [
    /certificate is not yet valid|certificate has expired/,
    (now) =>
      `compare this host's clock, by which it is ${now.toISOString()}; if that is right, the certificate has to be renewed there`,
  ],
  [
    /self.signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer/,
    () =>
      "if something on the way inspects TLS, put its authority into ca_file (PEM); else a certificate of the chain is missing there",
  ],
  [
    /CERTIFICATE_REQUIRED|CertificateRequired/,
    () =>
      "whoever answers there wants a certificate of the worker's, which it has none of: ask for another address",
  ],
  [
    /Proxy authentication required|CONNECT with status 407/,
    () =>
      "give the proxy's variable credentials (http://USER:PASSWORD@HOST:PORT); of the ways to show them only Basic is known, not NTLM or Negotiate",
  ],
];
