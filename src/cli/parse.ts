/** The command line: which command, and its flags. Without a command it is `run`, which must work for ever. */
import { ConfigError } from "../config/config-error.ts";
import { type FlagValues, readFlagValues } from "../config/flag-values.ts";
import { suggestion } from "../config/nearest.ts";
import { COMMAND_NAMES, COMMANDS, type CommandInfo, type CommandName, commandNamed } from "./commands.ts";
import { type CompletionsRequest, readCompletionsRequest } from "./completions-request.ts";
import { DEV_FLAGS, type DevFlags, readDevFlags } from "./dev-flags.ts";
import { type HealthQuestion, readHealthQuestion } from "./health-question.ts";
import { configFileHint, type Scanned, scanFlags } from "./scan.ts";
import { readServiceRequest, type ServiceRequest } from "./service-request.ts";

export type CommandLine =
  | { readonly command: "help"; readonly topic: CommandName | null }
  | { readonly command: "version"; readonly json: boolean }
  /** `flags.problems` holds what is wrong with the flags: it is reported with what is wrong in the file. */
  | { readonly command: "run"; readonly flags: FlagValues }
  | {
      readonly command: "doctor";
      readonly flags: FlagValues;
      readonly json: boolean;
      /** Only what is written: no file is opened but the config file, and nobody is asked. */
      readonly configOnly: boolean;
    }
  | ({ readonly command: "health" } & HealthQuestion)
  | ({ readonly command: "service" } & ServiceRequest)
  | ({ readonly command: "completions" } & CompletionsRequest)
  | {
      readonly command: "dev";
      readonly flags: FlagValues;
      readonly dev: DevFlags;
      /** The flags of `run` as given, for a worker against the local control plane. */
      readonly workerArgs: readonly string[];
    };

/** What the dev command decides itself. */
const NOT_FOR_DEV_WORKER: readonly string[] = ["api-key", "api-key-file", "web-socket-url", "worker-id"];

/**
 * @param argv without the executable
 * Throws a ConfigError for an unknown command, and for bad flags of a command that has no other checks.
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const [first, ...rest] = argv;
  if (first === "help") return { command: "help", topic: helpTopic(rest) };
  if (first === undefined || first.startsWith("-")) return parseCommand("run", null, argv);
  const command = commandNamed(first);
  if (command === null) throw unknownCommand(first);
  return parseCommand(command, command, rest);
}

function parseCommand(command: CommandName, named: CommandName | null, args: readonly string[]): CommandLine {
  const { flags, operand }: CommandInfo = COMMANDS[command];
  const defs = flags();
  const scanned = scanFlags(args, defs, operand !== undefined);
  if (scanned.values.has("help")) return { command: "help", topic: named };
  if (scanned.values.has("version")) return { command: "version", json: false };
  switch (command) {
    case "version":
      if (scanned.problems.length > 0) throw new ConfigError(scanned.problems);
      return { command, json: scanned.values.has("json") };
    case "health":
      return { command, ...readHealthQuestion(scanned, defs) };
    case "run":
      return { command, flags: readFlagValues(scanned, defs) };
    case "doctor":
      return {
        command,
        flags: readFlagValues(scanned, defs),
        json: scanned.values.has("json"),
        configOnly: scanned.values.has("config-only"),
      };
    case "service":
      return { command, ...readServiceRequest(scanned) };
    case "completions":
      return { command, ...readCompletionsRequest(scanned) };
    case "dev": {
      const flags = readFlagValues(scanned, defs);
      return { command, flags, dev: readDevFlags(scanned, flags.broken), workerArgs: workerArgs(scanned) };
    }
    default:
      return command satisfies never;
  }
}

/** In one word each, so that a value stays a value whatever it looks like. */
function workerArgs({ given }: Scanned): readonly string[] {
  const forWorker = given.filter(
    ({ name }) => !Object.hasOwn(DEV_FLAGS, name) && !NOT_FOR_DEV_WORKER.includes(name),
  );
  return forWorker.map(({ name, value }) => (value === null ? `--${name}` : `--${name}=${value}`));
}

function helpTopic([topic, ...more]: readonly string[]): CommandName | null {
  if (topic === undefined || topic === "help" || topic.startsWith("-")) return null;
  const command = commandNamed(topic);
  if (command === null || more.length > 0) throw unknownCommand(more[0] ?? topic);
  return command;
}

function unknownCommand(name: string): ConfigError {
  const guess = configFileHint(name) || suggestion(name, [...COMMAND_NAMES, "help"]);
  return new ConfigError([
    `Unknown command ${JSON.stringify(name)}${guess || `; there are ${COMMAND_NAMES.join(", ")} and help`}`,
  ]);
}
