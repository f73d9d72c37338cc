/** The shim's end of the channel, under Deno: the same as Bun's, but it must first be kept from the agents. */
import type { Channel } from "../shim-channel.ts";
import { closeOnExec } from "./c-functions.ts";

/** Deno puts the channel behind the three standard streams. */
const CHANNEL_DESCRIPTOR = 3;

export function parentChannel(): Channel | null {
  if (process.send === undefined) return null;
  // Deno leaves it open in every child, and an agent could then speak to the daemon as the shim.
  closeOnExec(CHANNEL_DESCRIPTOR);
  return {
    send: (message) => {
      // The callback: the parent may have died in this moment; `disconnect` follows.
      process.send?.(message, undefined, undefined, () => {});
    },
    onMessage: (listener) => void process.on("message", listener),
    onDisconnect: (listener) => void process.on("disconnect", listener),
  };
}
