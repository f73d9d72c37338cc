/** The same by Deno's own way into the C library. */
import type { Datagrams } from "../datagrams.ts";
import { AT_ONCE, DATAGRAMS, LOCAL, type UnixAddress } from "../unix-address.ts";
import { openCFunctions } from "./c-functions.ts";

export function openDatagrams(address: UnixAddress): Datagrams | null {
  const library = openCFunctions({
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const socket = library?.socket(LOCAL, DATAGRAMS, 0) ?? -1;
  if (library === null || socket < 0) return null;
  return {
    send: (text) => {
      const bytes = new TextEncoder().encode(text);
      return library.sendto(socket, bytes, bytes.length, AT_ONCE, address, address.length) >= 0;
    },
    [Symbol.dispose]: () => void library.close(socket),
  };
}
