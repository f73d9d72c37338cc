/** The shim's end of the channel that its parent opened. */

export interface Channel {
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
  onDisconnect(listener: () => void): void;
}

/** Null when this process was not started with a channel. */
export function parentChannel(): Channel | null {
  if (process.send === undefined) return null;
  return {
    send: (message) => {
      try {
        process.send?.(message);
      } catch {
        // The parent died in this moment; `disconnect` follows.
      }
    },
    onMessage: (listener) => void process.on("message", listener),
    onDisconnect: (listener) => void process.on("disconnect", listener),
  };
}
