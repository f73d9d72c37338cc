/** The worker's own environment, for what the operator's commands run in. */

export type Environment = Readonly<Record<string, string>>;

/** BUN_OPTIONS and its like would change how any Bun program that a command starts behaves. */
export function withoutBunVariables(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("BUN_")));
}
