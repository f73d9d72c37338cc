/** An interactive shell on a terminal, into which a test types, and whose line it reads. */
import { stripVTControlCharacters } from "node:util";
import { within } from "./wait.ts";

const PROMPT = "ready> ";
/** Ctrl-T: the shell tells its line, as `SHELL_SETUP` has it do. */
const TELL = "\u0014";
const TOLD = /<<(.*)>>/;
/** To its end, and all before that. */
const KILL_LINE = "\u0005\u0015";
const SIZE = { cols: 300, rows: 300 };

/** For its start file: the prompt, and the answer to Ctrl-T. */
export const SHELL_SETUP = {
  bash: [
    `PS1='${PROMPT}'`,
    "bind 'set enable-bracketed-paste off'",
    `bind -x '"\\C-t": printf "<<%s>>" "$READLINE_LINE"'`,
  ].join("\n"),
  zsh: [
    `PS1='${PROMPT}'`,
    "unset zle_bracketed_paste",
    'tell() { print -r -- "<<$BUFFER>>" }',
    "zle -N tell; bindkey '^T' tell",
  ].join("\n"),
} as const;

export interface Typed {
  /** What the terminal showed meanwhile, but for the line itself. */
  readonly lines: readonly string[];
  /** The line as the shell has it now. */
  readonly line: string;
}

export class ShellTerminal implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  #shown = "";
  #look = () => {};

  private constructor(argv: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
    this.#child = Bun.spawn([...argv], {
      cwd,
      env: { ...env, TERM: "dumb" },
      terminal: { ...SIZE, data: (_, bytes) => this.#take(Buffer.from(bytes).toString()) },
    });
  }

  static async start(
    argv: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ShellTerminal> {
    const terminal = new ShellTerminal(argv, cwd, env);
    try {
      await terminal.#until((shown) => shown.includes(PROMPT));
      return terminal;
    } catch (error) {
      await terminal[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** On an empty line, which it is again afterwards. */
  async type(keys: string): Promise<Typed> {
    this.#shown = "";
    this.#child.terminal?.write(`${keys}${TELL}`);
    const line = TOLD.exec(await this.#until((shown) => TOLD.test(shown)))?.[1] ?? "";
    const echo = keys.replace(/[^ -~]/g, "").trimEnd();
    const isOfLine = (text: string) =>
      text === "" || text.endsWith(echo) || text.includes(PROMPT.trimEnd()) || TOLD.test(text);
    const shown = this.#shown.split("\n").map((text) => text.trimEnd());
    this.#child.terminal?.write(KILL_LINE);
    return { lines: shown.filter((text) => !isOfLine(text)), line };
  }

  #take(text: string): void {
    this.#shown += stripVTControlCharacters(text).replaceAll("\r", "");
    this.#look();
  }

  async #until(isThere: (shown: string) => boolean): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#look = () => {
      if (isThere(this.#shown)) resolve();
    };
    this.#look();
    await within(promise, () => `the shell, which showed ${JSON.stringify(this.#shown)}`);
    return this.#shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
