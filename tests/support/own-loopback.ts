/**
 * A loopback address that no other process of the tests listens on: who takes a control plane down frees its port, and
 * another test, which asks for any free one in that moment, would be found in its place.
 */
export const OWN_LOOPBACK = process.platform === "linux" ? addressOf(process.pid) : "127.0.0.1";

/** A pid has 22 bits at most. */
function addressOf(pid: number): string {
  return `127.${64 + (pid >> 16)}.${(pid >> 8) & 0xff}.${pid & 0xff}`;
}
