/** The hidden command that the daemon starts beside itself: see process/shim/protocol.ts. */
import { closeSync, openSync } from "node:fs";
import type { FromShim, ToShim } from "../process/shim/protocol.ts";
import { runShim } from "../process/shim/shim.ts";
import { parentChannel } from "../runtime/shim-channel.ts";
import { unblockSignals } from "../runtime/signal-mask.ts";

export async function runShimCommand(): Promise<void> {
  const channel = parentChannel();
  if (channel === null) return; // started by hand: nothing to supervise
  // What whoever started the daemon had blocked, agents would have too: a SIGTERM that never reaches them, and SIGKILL
  // after a grace period in which they could not know that they were to end.
  unblockSignals();
  // A service manager that signals every process of the service must not end the shim before its
  // tasks: the daemon stops those, and the shim ends after them.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => {});
  await runShim({
    send: (event: FromShim) => channel.send(event),
    onMessage: (listener) => channel.onMessage((message) => listener(message as ToShim)),
    onDisconnect: (listener) =>
      channel.onDisconnect(() => {
        letGoOfStreams();
        listener();
      }),
  });
}

/** Whoever reads the daemon's output to its end, as `daemon | tee log` does, would wait for this process too. */
function letGoOfStreams(): void {
  for (const descriptor of [0, 1, 2]) {
    try {
      closeSync(descriptor);
      // The lowest that is free, so the one that was just closed: nothing else is to have it.
      openSync("/dev/null", "r+");
    } catch {
      // Closed from the beginning, or no such file in a chroot: what is running matters more.
    }
  }
}
