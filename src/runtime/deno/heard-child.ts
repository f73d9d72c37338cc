/** A child that reads what it is given, and whose output comes here, under Deno. */
import type { SpawnHeard } from "../heard-child.ts";
import { exitOf, feed, startChild } from "./start-child.ts";

/**
 * Deno's own are true pipes, which the child may open again by name, and what it does not read is
 * dropped without a word; so neither needs the descriptors that Bun's side makes by itself.
 */
export function heardSpawner(): SpawnHeard {
  return (command, input) => {
    const child = startChild(command, { stdin: "piped", stdout: "piped", stderr: "piped" });
    feed(child, input);
    return { pid: child.pid, exited: exitOf(child), stdout: child.stdout, stderr: child.stderr };
  };
}
