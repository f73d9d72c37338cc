/** Everything that is wrong with a command line, a config file or a key, found in one go. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One sentence each, for the operator; never a secret. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}
