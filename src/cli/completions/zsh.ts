/** For zsh: a file `_oz-agent-worker` in a folder of `fpath`, or text that is read after `compinit`. */
import {
  type Choice,
  type CompletedCommand,
  type CompletedFlag,
  type CompletedOperand,
  WITHOUT_COMMAND,
} from "./completed-command.ts";

export function zshCompletions(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  return `#compdef oz-agent-worker
# Completions of oz-agent-worker for zsh; "oz-agent-worker completions zsh" prints them.

${commands.map(functionOf).join("\n")}
_oz-agent-worker() {
  local curcontext="$curcontext" context state line command=${WITHOUT_COMMAND}
  typeset -A opt_args
  local -a known=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description.replaceAll("\\", "\\\\")}`)}\n`).join("")}  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands command known
    return
  fi
  case $words[2] in
    (-*) ;;
    (${names.join("|")})
      command=$words[2]
      shift words
      (( CURRENT-- ))
      ;;
    (*) return 1 ;;
  esac
  curcontext="\${curcontext%:*}-$command:"
  "_oz-agent-worker-$command"
}

if [[ $funcstack[1] == _oz-agent-worker ]]; then
  _oz-agent-worker "$@"
else
  compdef _oz-agent-worker oz-agent-worker
fi
`;
}

function functionOf({ name, flags, operand }: CompletedCommand): string {
  const specs = [...flags.flatMap(flagSpecs), ...(operand === null ? [] : [operandSpec(operand)])];
  return `_oz-agent-worker-${name}() {
  _arguments -S : \\
${specs.map((spec) => `    ${quoted(spec)}`).join(" \\\n")}
}
`;
}

/** One for each spelling. Where it counts once, it is not offered again once one of them is there. */
function flagSpecs({ spellings, description, isRepeatable, value }: CompletedFlag): readonly string[] {
  const once = isRepeatable ? "*" : `(${spellings.join(" ")})`;
  const about = `[${description.replace(/[\\[\]]/g, "\\$&")}]`;
  return spellings.map((spelling) => {
    if (value === null) return `${once}${spelling}${about}`;
    // As its own word or in the same: `--flag=VALUE`, `-fVALUE`.
    const glue = spelling.startsWith("--") ? "=" : "+";
    return `${once}${spelling}${glue}${about}:${message(value.name)}:${action(value.choice)}`;
  });
}

function operandSpec({ name, isRepeatable, choice }: CompletedOperand): string {
  return `${isRepeatable ? "*" : "1"}:${message(name)}:${action(choice)}`;
}

function message(text: string): string {
  return text.replace(/[\\:]/g, "\\$&");
}

function action(choice: Choice): string {
  switch (choice.kind) {
    case "words":
      return `(${choice.words.join(" ")})`;
    case "files":
      return "_files";
    case "folders":
      return "_files -/";
    // The message alone is shown.
    case "anything":
      return " ";
    default:
      return choice satisfies never;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
