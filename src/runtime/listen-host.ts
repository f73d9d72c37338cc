/** The address that a server listens on, by the name that the operator gave it. */
import { codeOf } from "../logging/words-of.ts";

/** Of this host, IPv6 and IPv4: there are clusters whose pods have no other than the first. */
const EVERY_ADDRESS = "::";
const EVERY_IPV4_ADDRESS = "0.0.0.0";

/** What `listen` makes of it, which throws when it cannot. */
export function listenOn<Listening>(host: string, listen: (hostname: string) => Listening): Listening {
  try {
    // The name may mean the IPv6 address alone, and who asks then mostly tries the other.
    return listen(host === "localhost" ? "127.0.0.1" : host);
  } catch (error) {
    const code = codeOf(error);
    // A kernel that was started without IPv6.
    if (host === EVERY_ADDRESS && code === "EAFNOSUPPORT") return listen(EVERY_IPV4_ADDRESS);
    // The runtime's words for a name that nobody knows are "no such file or directory".
    if (code === "ENOENT") throw new Error(`no address is known for the name "${host}"`, { cause: error });
    throw error;
  }
}
