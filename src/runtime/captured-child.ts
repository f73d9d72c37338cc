/** A short-lived child whose output is an answer: text in, text out, within a limit of size and a signal. */
import { within } from "../async/wait.ts";
import { killGroup } from "./kill-group.ts";
import { LAST_OUTPUT_MS, LimitedOutput } from "./limited-output.ts";
import type { Command } from "./spawn.ts";

export interface CaptureOptions {
  /** Lies in memory: no pipe to break for a child that does not read. */
  readonly stdin: string;
  readonly maxBytes: number;
  /** True: what it writes to standard error is kept too; else it is dropped. */
  readonly keepsErrors?: boolean;
  /** Kills the child and all of its group. */
  readonly signal: AbortSignal;
}

export interface Captured {
  /** 128+signal for a signal. */
  readonly exitCode: number;
  readonly stdout: string;
  /** Empty unless it was to be kept. */
  readonly stderr: string;
  /** False: it wrote more than maxBytes, and was killed for it. */
  readonly whole: boolean;
}

/**
 * @throws the system's error when it cannot be started; the signal's reason
 */
export async function runCaptured(command: Command, options: CaptureOptions): Promise<Captured> {
  const { stdin, maxBytes, keepsErrors = false, signal } = options;
  signal.throwIfAborted();
  const child = Bun.spawn([...command.argv], {
    cwd: command.cwd,
    env: { ...command.env },
    stdio: [new Blob([stdin]), "pipe", keepsErrors ? "pipe" : "ignore"],
    detached: true,
  });
  const kill = () => killGroup(child.pid);
  signal.addEventListener("abort", kill, { once: true });
  const output = new LimitedOutput(maxBytes, kill);
  const errors = new LimitedOutput(maxBytes, kill);
  const reader = child.stdout.getReader();
  const errorReader = child.stderr?.getReader();
  try {
    const reading = [output.readAll(() => reader.read())];
    if (errorReader) reading.push(errors.readAll(() => errorReader.read()));
    const exitCode = await child.exited;
    await within(Promise.all(reading), LAST_OUTPUT_MS, undefined);
    signal.throwIfAborted();
    return {
      exitCode,
      stdout: output.text(),
      stderr: errors.text(),
      whole: output.whole && errors.whole,
    };
  } finally {
    signal.removeEventListener("abort", kill);
    reader.cancel().catch(() => {});
    errorReader?.cancel().catch(() => {});
  }
}
