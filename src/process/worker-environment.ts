/** The worker's own environment, for what the operator's commands run in. */

export type Environment = Readonly<Record<string, string>>;

/**
 * BUN_OPTIONS, DENO_DIR and their like are meant for the runtime that this program runs by, and would change
 * how any other program of Bun or Deno that a command starts behaves.
 */
export function withoutRuntimeVariables(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(?:BUN|DENO)_/.test(name)));
}
