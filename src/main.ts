/** The process edge: arguments in, exit status out, and what the signals mean. */
import { EXIT } from "./cli/exit-status.ts";
import { parseCommandLine } from "./cli/parse.ts";
import { SHIM_COMMAND } from "./cli/shim-command.ts";
import { ConfigError } from "./config/config-error.ts";
import type { Host } from "./config/state-dir.ts";

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === SHIM_COMMAND) {
    const { runShimCommand } = await import("./cli/shim.ts");
    await runShimCommand();
    return EXIT.ok;
  }
  const commandLine = parseCommandLine(argv);
  switch (commandLine.command) {
    case "help": {
      const { renderHelp } = await import("./cli/usage.ts");
      process.stdout.write(`${await renderHelp(commandLine.topic, process.stdout.isTTY === true)}\n`);
      return EXIT.ok;
    }
    case "version": {
      const { versionText } = await import("./cli/version.ts");
      process.stdout.write(`${versionText(commandLine.json)}\n`);
      return EXIT.ok;
    }
    case "run": {
      const stop = stopSignal();
      const { loadSettings } = await import("./cli/load-settings.ts");
      const { runDaemon } = await import("./cli/run.ts");
      return runDaemon(await loadSettings(commandLine.flags, host()), definedEnvironment(), stop);
    }
    case "dev": {
      const stop = stopSignal();
      const { runDevCommand } = await import("./cli/dev-command.ts");
      return runDevCommand(commandLine, host(), stop);
    }
    default:
      return commandLine satisfies never;
  }
}

/** The first signal asks for a gentle stop; a second ends the process at once, which the journal makes safe. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT.ok);
      stop.abort();
    });
  }
  return stop.signal;
}

function host(): Host {
  return {
    env: process.env,
    uid: process.getuid?.() ?? null,
    home: process.env["HOME"] ?? null,
    cwd: process.cwd(),
  };
}

function definedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function complain(error: unknown): number {
  const lines = error instanceof ConfigError ? error.problems : [String(error)];
  process.stderr.write(lines.map((line) => `oz-agent-worker: ${line}\n`).join(""));
  return error instanceof ConfigError ? EXIT.badUsage : EXIT.couldNotStart;
}

process.exit(await main(process.argv.slice(2)).catch(complain));
