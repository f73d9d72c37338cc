/** Messages to a socket of this host that takes whole ones, of which `node:` knows none. For Linux. */
import { foreignFunctions, openCLibrary } from "./c-library.ts";
import { AT_ONCE, DATAGRAMS, LOCAL, type UnixAddress } from "./unix-address.ts";

export interface Datagrams extends Disposable {
  /** False: it was not taken, because nobody is there or too much waits already. */
  send(text: string): boolean;
}

/** Null where the C library cannot be reached, or gives no socket. */
export function openDatagrams(address: UnixAddress): Datagrams | null {
  const library = openCLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  const socket = library?.socket(LOCAL, DATAGRAMS, 0) ?? -1;
  if (library === null || socket < 0) return null;
  const { ptr } = foreignFunctions();
  return {
    send: (text) => {
      const bytes = new TextEncoder().encode(text);
      return library.sendto(socket, ptr(bytes), bytes.length, AT_ONCE, ptr(address), address.length) >= 0;
    },
    [Symbol.dispose]: () => void library.close(socket),
  };
}
