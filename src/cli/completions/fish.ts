/** For fish: a file of one of the folders that it looks into, or text that is read by `source`. */
import {
  type Choice,
  type CompletedCommand,
  type CompletedFlag,
  type CompletedOperand,
  WITHOUT_COMMAND,
} from "./completed-command.ts";

export function fishCompletions(commands: readonly CompletedCommand[]): string {
  return `# Completions of oz-agent-worker for fish; "oz-agent-worker completions fish" prints them.

# What stands before the cursor, without variables that are set for the program.
function __oz_agent_worker_words
    set -l words (commandline -opc)
    while string match -qr '^\\w+=' -- "$words[1]"
        set -e words[1]
    end
    printf '%s\\n' $words
end

function __oz_agent_worker_at_command
    test (count (__oz_agent_worker_words)) -eq 1
end

# Without the name of a command it is ${WITHOUT_COMMAND}.
function __oz_agent_worker_in
    set -l words (__oz_agent_worker_words)
    if set -q words[2]; and not string match -q -- '-*' $words[2]
        test $words[2] = $argv[1]
    else
        test ${WITHOUT_COMMAND} = $argv[1]
    end
end

complete -c oz-agent-worker -f
${commands.map(({ name, description }) => line("__oz_agent_worker_at_command", `-a ${name}`, description)).join("")}
${commands.map(linesOf).join("\n")}`;
}

function linesOf({ name, flags, operand }: CompletedCommand): string {
  const within = `__oz_agent_worker_in ${name}`;
  const ofFlags = flags.map((flag) => line(within, flagWords(flag), flag.description));
  return [...ofFlags, ...(operand === null ? [] : [operandLine(within, operand)])].join("");
}

function flagWords({ spellings, value }: CompletedFlag): string {
  const names = spellings.map((spelling) => spelling.replace(/^--/, "-l ").replace(/^-(?=\w$)/, "-s "));
  return [...names, ...(value === null ? [] : [valueWords(value.choice)])].join(" ");
}

/** `-x`: it needs a value, which is no file. */
function valueWords(choice: Choice): string {
  switch (choice.kind) {
    case "words":
      return `-x -a ${quoted(choice.words.join(" "))}`;
    case "files":
      return "-r -F";
    case "folders":
      return "-x -a '(__fish_complete_directories)'";
    case "anything":
      return "-x";
    default:
      return choice satisfies never;
  }
}

function operandLine(within: string, { isRepeatable, choice }: CompletedOperand): string {
  if (choice.kind !== "words") return line(within, choice.kind === "files" ? "-F" : valueWords(choice), null);
  const words = choice.words.join(" ");
  const once = isRepeatable ? within : `${within}; and not __fish_seen_subcommand_from ${words}`;
  return line(once, `-a ${quoted(words)}`, null);
}

function line(condition: string, words: string, description: string | null): string {
  const about = description === null ? "" : ` -d ${quoted(description)}`;
  return `complete -c oz-agent-worker -n ${quoted(condition)} ${words}${about}\n`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
