/** The hidden command that the daemon starts beside itself: see process/shim/protocol.ts. */
import type { FromShim, ToShim } from "../process/shim/protocol.ts";
import { runShim } from "../process/shim/shim.ts";
import { parentChannel } from "../runtime/shim-channel.ts";

export async function runShimCommand(): Promise<void> {
  const channel = parentChannel();
  if (channel === null) return; // started by hand: nothing to supervise
  // A service manager that signals every process of the service must not end the shim before its
  // tasks: the daemon stops those, and the shim ends after them.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => {});
  await runShim({
    send: (event: FromShim) => channel.send(event),
    onMessage: (listener) => channel.onMessage((message) => listener(message as ToShim)),
    onDisconnect: (listener) => channel.onDisconnect(listener),
  });
}
