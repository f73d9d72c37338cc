/** A child that shares this process's output, under Deno. */
import type { ChildInput, ForegroundChild } from "../foreground-child.ts";
import { exitOf, startChild } from "./start-child.ts";

export function startForegroundChild(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  input: ChildInput,
): ForegroundChild {
  const child = startChild(
    { argv, env },
    { stdin: input === "held open" ? "piped" : "null", stdout: "inherit", stderr: "inherit" },
  );
  let ended = false;
  const exited = exitOf(child).then((status) => {
    ended = true;
    return status;
  });
  return {
    pid: child.pid,
    exited,
    kill: (signal) => {
      if (!ended) child.kill(signal);
    },
  };
}
