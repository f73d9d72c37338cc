/** `oz-agent-worker completions`: what a shell has to read to complete a command line of this program. */
import { bashCompletions } from "./completions/bash.ts";
import { completedCommands } from "./completions/completed-command.ts";
import { fishCompletions } from "./completions/fish.ts";
import { zshCompletions } from "./completions/zsh.ts";
import type { Shell } from "./completions-request.ts";

/** The whole script, with a newline at its end. */
export function renderCompletions(shell: Shell): string {
  const commands = completedCommands();
  switch (shell) {
    case "bash":
      return bashCompletions(commands);
    case "zsh":
      return zshCompletions(commands);
    case "fish":
      return fishCompletions(commands);
    default:
      return shell satisfies never;
  }
}
