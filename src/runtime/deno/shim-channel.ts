/** The shim's end of the channel, under Deno. */
import type { Channel } from "../shim-channel.ts";
import { closeOnExec } from "./c-functions.ts";

/** Deno puts the channel behind the three standard streams. */
const CHANNEL_DESCRIPTOR = 3;

/** Before it, Deno would read messages that nobody listens to yet, and drop them. */
export const READY = "ready";

export function parentChannel(): Channel | null {
  if (process.send === undefined) return null;
  // Deno leaves it open in every child, and an agent could then speak to the daemon as the shim.
  closeOnExec(CHANNEL_DESCRIPTOR);
  // The callback: the parent may have died in this moment; `disconnect` follows.
  const send = (message: unknown) => void process.send?.(message, undefined, undefined, () => {});
  return {
    send,
    onMessage: (listener) => {
      process.on("message", listener);
      send(READY);
    },
    onDisconnect: (listener) => {
      // The end of the channel is told once, and may have come before anybody listened.
      if (process.connected) process.on("disconnect", listener);
      else queueMicrotask(listener);
    },
  };
}
