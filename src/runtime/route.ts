/** What the system itself says of a name and of the way to an address. */
import { codeOf, wordsOf } from "../logging/words-of.ts";

/** The addresses of a host, as the runtime's own connections look them up. @throws the system's error */
export async function lookUp(host: string): Promise<readonly string[]> {
  try {
    // By the C library: the runtime's other ways do not heed all that an nsswitch.conf may name.
    return (await Bun.dns.lookup(host, { backend: "libc" })).map(({ address }) => address);
  } catch (error) {
    const code = codeOf(error)?.replace(/^DNS_/, "") ?? wordsOf(error);
    throw Object.assign(new Error(`getaddrinfo ${code} ${host}`), { code });
  }
}

/**
 * The system's code when it has no route to an address; null: it has one, or does not say. A datagram socket that is
 * connected sends nothing, and is told the truth: of a TCP connection that fails for whatever cause the runtime says
 * ECONNREFUSED, as if there had been an answer.
 */
export async function whyNoRoute(address: string): Promise<string | null> {
  try {
    const hostname = address.includes(":") ? "::" : "0.0.0.0";
    (await Bun.udpSocket({ hostname, connect: { hostname: address, port: DISCARD } })).close();
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

/** Any port would do. */
const DISCARD = 9;
