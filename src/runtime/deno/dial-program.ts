/** A byte connection to a program's standard streams, under Deno. */
import type { Channel } from "../byte-channel.ts";
import { lastWordsOf } from "../last-words.ts";
import { exitOf, startChild } from "./start-child.ts";

export function dialProgram(argv: readonly string[], env: Readonly<Record<string, string>>): Channel {
  const child = startChild({ argv, env }, { stdin: "piped", stdout: "piped", stderr: "piped" });
  const reader = child.stdout.getReader();
  const writer = child.stdin.getWriter();
  // A write that fails says so to whoever wrote.
  writer.closed.catch(() => {});
  const lastWords = lastWordsOf(child.stderr);
  const exited = exitOf(child);
  let running = true;
  exited.then(() => {
    running = false;
  });
  let closed = false;
  return {
    read: async () => {
      const { value } = await reader.read();
      if (value !== undefined) return value;
      if (closed) return null;
      const [status, words] = [await exited, await lastWords];
      if (status === 0 && words === "") return null;
      throw new Error(`${argv[0]} ended with status ${status}${words === "" ? "" : `: ${words}`}`);
    },
    write: (bytes) => writer.write(bytes),
    close: () => {
      if (closed) return;
      closed = true;
      reader.cancel().catch(() => {});
      if (running) child.kill("SIGTERM");
    },
  };
}
