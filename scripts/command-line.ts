/** The command lines of the scripts: what one does not take is refused, and it says what it takes. */
import { type ParseArgsConfig, parseArgs } from "node:util";

/** Exit status 2. */
export class BadUsage extends Error {}

/** As parseArgs of node:util; `usage` follows what is wrong. */
export function readArguments<Config extends ParseArgsConfig>(
  config: Config,
  usage: string,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new BadUsage(`${error instanceof Error ? error.message : error}\nusage: ${usage}`);
  }
}

/** For a script whose every argument would be a mistake. */
export function takeNone(script: string): void {
  if (process.argv.length > 2) throw new BadUsage(`${script} takes no arguments`);
}

/** `kind`: what the names are of. */
export function requireKnown(kind: string, names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new BadUsage(`There is no ${kind} ${unknown}: choose from ${known.join(" ")}`);
}

/** The process's exit status is what `main` resolves to; 2 for a bad command line, 1 for any other failure. */
export async function runScript(name: string, main: () => Promise<number>): Promise<void> {
  process.exitCode = await main().catch((error: Error) => {
    process.stderr.write(`${name}: ${error.message}\n`);
    return error instanceof BadUsage ? 2 : 1;
  });
}
