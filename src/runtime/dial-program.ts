/** A byte connection to a program's standard streams (ssh, which carries it to another host). */
import type { Channel } from "./byte-channel.ts";
import { lastWordsOf } from "./last-words.ts";

/**
 * The program leads a session of its own, so that Ctrl-C on our terminal does not cut the connection
 * over which tasks still have to be stopped. @throws when it cannot be started
 */
export function dialProgram(argv: readonly string[], env: Readonly<Record<string, string>>): Channel {
  const child = Bun.spawn([...argv], {
    env: { ...env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const reader = child.stdout.getReader();
  const lastWords = lastWordsOf(child.stderr);
  let closed = false;
  return {
    read: async () => {
      const { value, done } = await reader.read();
      if (!done) return value;
      if (closed) return null;
      const [status, words] = [await child.exited, await lastWords];
      if (status === 0 && words === "") return null;
      throw new Error(`${argv[0]} ended with status ${status}${words === "" ? "" : `: ${words}`}`);
    },
    write: async (bytes) => {
      child.stdin.write(bytes);
      await child.stdin.flush();
    },
    close: () => {
      if (closed) return;
      closed = true;
      reader.cancel().catch(() => undefined);
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    },
  };
}
