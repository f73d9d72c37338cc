/** A child that shares this process's output, in a session of its own. */

/** "held open": a pipe that is never written to, and ends when this process does, however that ends. */
export type ChildInput = "none" | "held open";

export interface ForegroundChild {
  readonly pid: number;
  /** The exit status as Bun and the shell gives it: 128 + n after signal n. */
  readonly exited: Promise<number>;
  /** Does nothing once it has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * A session of its own, so that Ctrl-C on the terminal reaches only this process, which passes it on
 * once: a daemon that saw the terminal's signal and ours would take the second for "at once".
 * @throws when the executable cannot be started
 */
export function startForegroundChild(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  input: ChildInput,
): ForegroundChild {
  const child = Bun.spawn([...argv], {
    env: { ...env },
    stdin: input === "held open" ? "pipe" : "ignore",
    stdout: "inherit",
    stderr: "inherit",
    detached: true,
  });
  return {
    pid: child.pid,
    exited: child.exited,
    kill: (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    },
  };
}
