/**
 * The shim's end of the channel, under Deno: a socket and lines of JSON. Deno's own channel (`ipc`) drops
 * what comes before somebody listens, and does not always tell its end when the parent dies.
 */
import { Socket } from "node:net";
import type { Channel } from "../shim-channel.ts";
import { closeOnExec } from "./c-functions.ts";
import { deno } from "./deno-global.ts";
import { LineReader, lineOf } from "./json-lines.ts";

/** Behind the three standard streams. */
export const CHANNEL_DESCRIPTOR = 3;
/** Set by the parent that opened it. */
export const CHANNEL_VARIABLE = "OZ_SHIM_CHANNEL";

export function parentChannel(): Channel | null {
  if (deno.env.get(CHANNEL_VARIABLE) !== String(CHANNEL_DESCRIPTOR)) return null;
  // Deno leaves it open in every child, and an agent could then speak to the daemon as the shim.
  closeOnExec(CHANNEL_DESCRIPTOR);
  const socket = new Socket({ fd: CHANNEL_DESCRIPTOR, readable: true, writable: true });
  // The parent may have died in this moment; `close` follows.
  socket.on("error", () => {});
  return {
    send: (message) => void socket.write(lineOf(message)),
    onMessage: (listener) => {
      const reader = new LineReader(listener);
      socket.on("data", (bytes: Buffer) => reader.push(bytes));
    },
    onDisconnect: (listener) => void socket.once("close", listener),
  };
}
