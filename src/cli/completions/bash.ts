/**
 * For bash, with the package bash-completion and without it. Nothing newer than bash 3.2 is asked for, which macOS
 * has: there `compopt` is missing, and paths are completed without the slash after a folder.
 */
import { type Choice, type CompletedCommand, WITHOUT_COMMAND } from "./completed-command.ts";

export function bashCompletions(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  return `# Completions of oz-agent-worker for bash; "oz-agent-worker completions bash" prints them.

${commands.map(tableOf).join("\n")}
${OFFER}
_oz_agent_worker() {
  local IFS=$' \\t\\n' command=${WITHOUT_COMMAND} pending='' ended='' given='' flags operand value before typed
  local rest=\${COMP_LINE:0:COMP_POINT} last i
  local -a line=()
  COMPREPLY=()
${READ_LINE}
  if ((last == 1)) && [[ $typed != -* ]]; then
    _oz_agent_worker_offer 'words ${names.join(" ")}' "$typed" ''
    return
  fi
  i=1
  case \${line[1]} in
    -*) ;;
    ${names.join(" | ")}) command=\${line[1]} i=2 ;;
    *) return ;;
  esac
${COMPLETE}
}

complete -F _oz_agent_worker oz-agent-worker
`;
}

/** A function for each command: its flags, its operand, and what the value of the flag `$1` is. */
function tableOf({ name, flags, operand }: CompletedCommand): string {
  const cases = new Map<string, string[]>();
  for (const { spellings, value } of flags) {
    if (value === null) continue;
    const text = choiceText(value.choice);
    cases.set(text, [...(cases.get(text) ?? []), ...spellings]);
  }
  return `_oz_agent_worker_${name}() {
  flags='${flags.flatMap(({ spellings }) => spellings).join(" ")}'
  operand='${operand === null ? "" : choiceText(operand.choice)}'
  case $1 in
${[...cases].map(([text, spellings]) => `    ${spellings.join(" | ")}) value='${text}' ;;\n`).join("")}    *) value='' ;;
  esac
}
`;
}

/** Not empty, which is what a switch has. */
function choiceText(choice: Choice): string {
  return choice.kind === "words" ? `words ${choice.words.join(" ")}` : choice.kind;
}

const OFFER = `# $1: what may stand here. $2: what was typed of it. $3: what stands before it in the same word.
_oz_agent_worker_offer() {
  case $1 in
    words*) _oz_agent_worker_add "$3" -W "\${1#words}" -- "$2" ;;
    files) _oz_agent_worker_path default -f "$2" "$3" ;;
    folders) _oz_agent_worker_path dirnames -d "$2" "$3" ;;
  esac
}

# Readline knows of quotes and of ~ in a path; where it cannot be asked, compgen has to do.
_oz_agent_worker_path() {
  if [[ -n $4 ]] || ! compopt -o "$1" 2>/dev/null; then _oz_agent_worker_add "$4" "$2" -- "$3"; fi
}

# What compgen finds, with $1 before it.
_oz_agent_worker_add() {
  local found
  while IFS= read -r found; do
    [[ -z $found ]] || COMPREPLY+=("$1$found")
  done <<<"$(compgen "\${@:2}")"
}
`;

const READ_LINE = `  # Bash cuts a line at = and : too, and --backend=x is three of its words; only spaces count here.
  for ((i = 0; i < COMP_CWORD; i++)); do
    if [[ i -eq 0 || $rest == [[:blank:]]* ]]; then
      line+=("\${COMP_WORDS[i]}")
    else
      line[\${#line[@]} - 1]+=\${COMP_WORDS[i]}
    fi
    rest=\${rest#*"\${COMP_WORDS[i]}"}
  done
  # What is left is what stands before the cursor of the last word.
  typed=\${rest#"\${rest%%[![:blank:]]*}"}
  if [[ $rest == [[:blank:]]* ]]; then line+=("$typed"); else line[\${#line[@]} - 1]+=$typed; fi
  last=$((\${#line[@]} - 1))
  typed=\${line[last]}`;

const COMPLETE = `  "_oz_agent_worker_$command" ''
  for (( ; i < last; i++)); do
    if [[ -n $pending ]]; then
      pending=''
    elif [[ -n $ended || \${line[i]} != -* ]]; then
      given=yes
    elif [[ \${line[i]} == -- ]]; then
      ended=yes
    elif [[ \${line[i]} != --*=* ]]; then
      "_oz_agent_worker_$command" "\${line[i]}"
      pending=$value
    fi
  done
  # One word can be said once, and files as often as one likes.
  if [[ $operand == words* && -n $given ]]; then operand=''; fi
  if [[ -n $pending ]]; then
    _oz_agent_worker_offer "$pending" "$typed" ''
  elif [[ -z $ended && $typed == --*=* ]]; then
    "_oz_agent_worker_$command" "\${typed%%=*}"
    # Where it cuts words at =, bash replaces only what follows that.
    if [[ $COMP_WORDBREAKS == *=* ]]; then before=''; else before=\${typed%%=*}=; fi
    _oz_agent_worker_offer "$value" "\${typed#*=}" "$before"
  elif [[ -z $ended && ( $typed == -* || -z $operand ) ]]; then
    _oz_agent_worker_offer "words $flags" "$typed" ''
  else
    _oz_agent_worker_offer "$operand" "$typed" ''
  fi`;
