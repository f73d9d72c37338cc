/** A socket of this host that takes whole messages, in the kernel's numbers. Source: unix(7), Linux's headers. */

/** AF_UNIX */
export const LOCAL = 1;
/** SOCK_DGRAM, and SOCK_CLOEXEC: no child inherits the socket. */
export const DATAGRAMS = 2 | 0o2000000;
/** MSG_DONTWAIT, and MSG_NOSIGNAL: no SIGPIPE. */
export const AT_ONCE = 0x40 | 0x4000;

/** Its address: sockaddr_un. */
export type UnixAddress = Uint8Array<ArrayBuffer>;

const FAMILY_BYTES = 2;
/** Of the longest that there is. */
const ADDRESS_BYTES = 110;

/** @param name a path, or with an "@" before it a name that is in no folder (Linux); null: neither, or too long */
export function unixAddress(name: string): UnixAddress | null {
  if (!/^[/@]./.test(name)) return null;
  const bytes = new TextEncoder().encode(name);
  if (FAMILY_BYTES + bytes.length >= ADDRESS_BYTES || bytes.includes(0)) return null;
  const address = new Uint8Array(FAMILY_BYTES + bytes.length);
  // In the machine's order of bytes, which is this one wherever there is an executable.
  address[0] = LOCAL;
  address.set(bytes, FAMILY_BYTES);
  if (name.startsWith("@")) address[FAMILY_BYTES] = 0;
  return address;
}
