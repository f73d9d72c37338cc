/**
 * Metrics and traces for people to look at, on standard output. The SDK's own exporters write by the console, which
 * waits for its reader: one that stalled once held the whole worker up, heartbeat and signals included.
 */
import { inspect } from "node:util";
import { LogOutput } from "../logging/log-output.ts";
import { openLogTarget } from "../logging/log-target.ts";
import type { Logger } from "../logging/logger.ts";

const STDOUT = 1;

export class ConsoleOutput {
  private readonly output: LogOutput;

  constructor(log: Logger) {
    this.output = new LogOutput(
      (pieces) => log.warn("telemetry on standard output was lost, for nobody read it", { pieces }),
      () => openLogTarget(STDOUT),
    );
  }

  readonly show = (value: object): void => {
    this.output.write(`${inspect(value, { depth: null })}\n`);
  };

  /** Until what is kept for a slow reader was read, for as long as whoever waits can. */
  readonly drained = (): Promise<void> => this.output.drained();
}
