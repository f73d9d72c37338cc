/** From arguments to an exit status: which command runs, and what is said when none can. */
import type { StopRequest } from "../async/stop-request.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Host } from "../config/state-dir.ts";
import { EXIT } from "./exit-status.ts";
import { loadSettings } from "./load-settings.ts";
import type { CommandLine } from "./parse.ts";
import { readPlainRun } from "./plain-run.ts";
import { runDaemon } from "./run.ts";

/** What only the process itself has. */
export interface ProcessEdge {
  readonly host: Host;
  /** Takes over the signals by which the process is asked to stop. `inHaste`: its status when nothing gentle is left. */
  readonly heedSignals: (inHaste?: number) => StopRequest;
  /** Takes over the one by which a worker is asked to stop when its tasks have ended. */
  readonly heedDrain: (stop: StopRequest) => void;
  /** Named by its caller: a constant that both import would be a module of its own, which a start waits for. */
  readonly shimArgument: string;
}

/** Never rejects. What `run` needs is loaded at once; other commands load their own. */
export async function runCommandLine(argv: readonly string[], edge: ProcessEdge): Promise<number> {
  try {
    return await dispatch(argv, edge);
  } catch (error) {
    const lines = error instanceof ConfigError ? error.problems : [String(error)];
    process.stderr.write(lines.map((line) => `oz-agent-worker: ${line}\n`).join(""));
    return error instanceof ConfigError ? EXIT.badUsage : EXIT.couldNotStart;
  }
}

async function dispatch(
  argv: readonly string[],
  { host, heedSignals, heedDrain, shimArgument }: ProcessEdge,
): Promise<number> {
  const commandLine = await readCommandLine(argv);
  if (commandLine.command !== "run") return await answer(commandLine, host, heedSignals);
  const stop = heedSignals();
  heedDrain(stop);
  const work = () =>
    unlessAsked(stop.signal, async () => {
      const settings = await loadSettings(commandLine.flags, host, stop.signal);
      return await runDaemon(settings, { environment: definedOnly(host.env), shimArgument, stop });
    });
  if (!commandLine.flags.stopAtEndOfInput) return work();
  const { untilInputEnds } = await import("./end-of-input.ts");
  return untilInputEnds(stop, commandLine.flags.scratchDir, work);
}

/** The commands that speak to whoever gave them; the daemon has its log. */
async function answer(
  commandLine: Exclude<CommandLine, { command: "run" }>,
  host: Host,
  heedSignals: ProcessEdge["heedSignals"],
): Promise<number> {
  const { onStandardOutput } = await import("./standard-output.ts");
  return await onStandardOutput(({ write, gone }) => {
    const writeError = (text: string) => void process.stderr.write(text);
    return carryOut(commandLine, { host, heedSignals, write, writeError, gone });
  });
}

interface CommandEdge extends Pick<ProcessEdge, "host" | "heedSignals"> {
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Nobody reads what is written any more. */
  readonly gone: AbortSignal;
}

async function carryOut(
  commandLine: Exclude<CommandLine, { command: "run" }>,
  { host, heedSignals, write, writeError, gone }: CommandEdge,
): Promise<number> {
  switch (commandLine.command) {
    case "help": {
      const { renderHelp } = await import("./usage.ts");
      write(`${await renderHelp(commandLine.topic, process.stdout.isTTY === true)}\n`);
      return EXIT.ok;
    }
    case "version": {
      const { versionText } = await import("./version.ts");
      write(`${versionText(commandLine.json)}\n`);
      return EXIT.ok;
    }
    case "completions": {
      const { renderCompletions } = await import("./completions.ts");
      write(renderCompletions(commandLine.shell));
      return EXIT.ok;
    }
    case "health": {
      const { askHealth } = await import("./health.ts");
      return askHealth(commandLine, write, writeError);
    }
    case "service": {
      const { runServiceCommand } = await import("./service.ts");
      const { platform, argv0, execPath } = process;
      const edge = { host, environment: definedOnly(host.env), platform, startedAs: { argv0, execPath } };
      return runServiceCommand(commandLine, { ...edge, write, writeError });
    }
    case "doctor": {
      // A status of 0 would say that all is well.
      const status = EXIT.interrupted;
      const stop = AbortSignal.any([heedSignals(status).signal, gone]);
      const { runDoctorCommand } = await import("./doctor.ts");
      const edge = { host, environment: definedOnly(host.env), stop, write };
      return unlessAsked(stop, () => runDoctorCommand(commandLine, edge), status);
    }
    case "dev": {
      const asked = heedSignals(EXIT.interrupted);
      const stop = AbortSignal.any([asked.signal, gone]);
      const { runDevCommand } = await import("./dev-command.ts");
      return asked.unhurriedly((haste) =>
        unlessAsked(stop, () => runDevCommand(commandLine, host, { stop, haste, write, writeError })),
      );
    }
    default:
      return commandLine satisfies never;
  }
}

async function readCommandLine(argv: readonly string[]): Promise<CommandLine> {
  const flags = readPlainRun(argv);
  if (flags !== null) return { command: "run", flags };
  const { parseCommandLine } = await import("./parse.ts");
  return parseCommandLine(argv);
}

/** Asked to stop before it was ready: whatever was waited for, a pipe or an engine, rejects with that. */
async function unlessAsked(
  stop: AbortSignal,
  work: () => Promise<number>,
  status: number = EXIT.ok,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (stop.aborted && error === stop.reason) return status;
    throw error;
  }
}

function definedOnly(environment: Host["env"]): Record<string, string> {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
