/** A short-lived child whose output is an answer, under Deno. */
import { within } from "../../async/wait.ts";
import type { Captured, CaptureOptions } from "../captured-child.ts";
import { killGroup } from "../kill-group.ts";
import { LAST_OUTPUT_MS, LimitedOutput } from "../limited-output.ts";
import type { Command } from "../spawn.ts";
import { exitOf, feed, startChild } from "./start-child.ts";

export async function runCaptured(command: Command, options: CaptureOptions): Promise<Captured> {
  const { stdin, maxBytes, keepsErrors = false, signal } = options;
  signal.throwIfAborted();
  const child = startChild(command, {
    stdin: "piped",
    stdout: "piped",
    stderr: keepsErrors ? "piped" : "null",
  });
  const kill = () => killGroup(child.pid);
  signal.addEventListener("abort", kill, { once: true });
  feed(child, stdin);
  const output = new LimitedOutput(maxBytes, kill);
  const errors = new LimitedOutput(maxBytes, kill);
  const reader = child.stdout.getReader();
  // Deno throws for a stream that it was not told to make.
  const errorReader = keepsErrors ? child.stderr.getReader() : null;
  try {
    const reading = [output.readAll(() => reader.read())];
    if (errorReader !== null) reading.push(errors.readAll(() => errorReader.read()));
    const exitCode = await exitOf(child);
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
